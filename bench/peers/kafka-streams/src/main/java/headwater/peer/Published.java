package headwater.peer;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.serialization.Serializer;

/** A session as it is published; one without a session is the tombstone of one that was absorbed. */
record Published(String customer, long start, long end, Session session) {

  static String key(byte[] id) {
    return HexFormat.of().formatHex(id);
  }

  /** Writes schemas/aggregates/sessions.avsc, field by field. */
  static final class Writer implements Serializer<Published> {
    private final int schemaId;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(256);
    private BinaryEncoder encoder;

    Writer(int schemaId) {
      this.schemaId = schemaId;
    }

    @Override
    public byte[] serialize(String topic, Published p) {
      if (p.session() == null) {
        return null;
      }
      try {
        return write(p, p.session());
      } catch (IOException e) {
        throw new UncheckedIOException("write " + topic, e);
      }
    }

    private byte[] write(Published p, Session s) throws IOException {
      out.reset();
      out.write(ByteBuffer.allocate(5).put((byte) 0).putInt(schemaId).array());
      encoder = EncoderFactory.get().directBinaryEncoder(out, encoder);
      encoder.writeString(key(s.id));
      encoder.writeString(p.customer());
      encoder.writeLong(p.start());
      encoder.writeLong(p.end());
      encoder.writeLong(s.events);
      encoder.writeLong(s.pageViews);
      encoder.writeLong(s.revenueMicros);
      encoder.writeMapStart();
      encoder.setItemCount(s.types.size());
      for (Map.Entry<String, Long> type : s.types.entrySet()) {
        encoder.startItem();
        encoder.writeString(type.getKey());
        encoder.writeLong(type.getValue());
      }
      encoder.writeMapEnd();
      encoder.writeLong(s.revision);
      encoder.writeEnum(0); // OPEN
      encoder.writeLong(System.currentTimeMillis());
      encoder.flush();
      return out.toByteArray();
    }
  }
}
