package headwater.peer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.common.serialization.Deserializer;

/** What sessions are made of, read off schemas/processed/customer_events.avsc field by field. */
record Event(String id, String source, String type, String customer, long time, long revenueMicros) {

  /**
   * Reads the fields in the schema's order, which is the fastest that Avro offers. The record must
   * have been written with that very schema.
   */
  static final class Reader implements Deserializer<Event> {
    private final int schemaId;
    private BinaryDecoder decoder;

    Reader(int schemaId) {
      this.schemaId = schemaId;
    }

    @Override
    public Event deserialize(String topic, byte[] bytes) {
      ByteBuffer prefix = ByteBuffer.wrap(bytes);
      byte magic = prefix.get();
      int id = prefix.getInt();
      if (magic != 0 || id != schemaId) {
        throw new IllegalArgumentException("read " + topic + ": schema " + id + ", not " + schemaId);
      }
      try {
        return read(bytes);
      } catch (IOException e) {
        throw new UncheckedIOException("read " + topic, e);
      }
    }

    private Event read(byte[] bytes) throws IOException {
      decoder = DecoderFactory.get().binaryDecoder(bytes, 5, bytes.length - 5, decoder);
      String id = decoder.readString();
      String source = decoder.readString();
      String type = decoder.readString();
      String customer = decoder.readString();
      if (decoder.readIndex() == 1) {
        decoder.skipString(); // anonymous_id
      }
      long time = decoder.readLong();
      decoder.readLong(); // received_time
      if (decoder.readIndex() == 1) {
        decoder.readLong(); // original_time
      }
      if (decoder.readIndex() == 1) {
        decoder.skipString(); // import_id
      }
      long revenue = decoder.readIndex() == 1 ? decoder.readLong() : 0;
      // schema_id and data are left: no field of a session needs them.
      return new Event(id, source, type, customer, time, revenue);
    }
  }
}
