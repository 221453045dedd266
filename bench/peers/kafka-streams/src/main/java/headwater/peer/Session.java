package headwater.peer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/** A session as the state keeps it; its customer, start and end are in the window's key. */
final class Session {
  private static final int ID_BYTES = 16;

  byte[] id; // null before the first event
  long revision;
  long events;
  long pageViews;
  long revenueMicros;
  final Map<String, Long> types = new TreeMap<>();
  final List<byte[]> absorbed = new ArrayList<>(); // ids of sessions that are now part of this one

  Session add(Event e) {
    if (id == null) {
      id = idOf(e);
    }
    revision++;
    events++;
    if (e.type().equals("browsing.page_viewed") || e.type().equals("browsing.screen_viewed")) {
      pageViews++;
    }
    revenueMicros += e.revenueMicros();
    types.merge(e.type(), 1L, Long::sum);
    return this;
  }

  /** Takes in a session that starts later. */
  Session absorb(Session later) {
    if (id == null) {
      return later;
    }
    revision = Math.max(revision, later.revision);
    events += later.events;
    pageViews += later.pageViews;
    revenueMicros += later.revenueMicros;
    later.types.forEach((type, n) -> types.merge(type, n, Long::sum));
    absorbed.addAll(later.absorbed);
    absorbed.add(later.id);
    return this;
  }

  /** The id comes from the event that began the session, as in processors/sessionize. */
  private static byte[] idOf(Event e) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
    for (String part : new String[] {e.customer(), e.type(), e.source(), e.id()}) {
      byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
      digest.update(ByteBuffer.allocate(4).putInt(bytes.length).array());
      digest.update(bytes);
    }
    return java.util.Arrays.copyOf(digest.digest(), ID_BYTES);
  }

  static final class Writer implements Serializer<Session> {
    @Override
    public byte[] serialize(String topic, Session s) {
      if (s == null) {
        return null;
      }
      int size = ID_BYTES * (1 + s.absorbed.size()) + 4 * Long.BYTES + 2;
      List<byte[]> names = new ArrayList<>(s.types.size());
      for (String type : s.types.keySet()) {
        byte[] name = type.getBytes(StandardCharsets.UTF_8);
        names.add(name);
        size += Short.BYTES + name.length + Long.BYTES;
      }
      ByteBuffer b = ByteBuffer.allocate(size);
      b.put(s.id).putLong(s.revision).putLong(s.events).putLong(s.pageViews).putLong(s.revenueMicros);
      b.putShort((short) names.size());
      int i = 0;
      for (long count : s.types.values()) {
        byte[] name = names.get(i++);
        b.putShort((short) name.length).put(name).putLong(count);
      }
      s.absorbed.forEach(b::put);
      return b.array();
    }
  }

  static final class Reader implements Deserializer<Session> {
    @Override
    public Session deserialize(String topic, byte[] bytes) {
      if (bytes == null) {
        return null;
      }
      ByteBuffer b = ByteBuffer.wrap(bytes);
      Session s = new Session();
      s.id = id(b);
      s.revision = b.getLong();
      s.events = b.getLong();
      s.pageViews = b.getLong();
      s.revenueMicros = b.getLong();
      for (int n = b.getShort(); n > 0; n--) {
        byte[] name = new byte[b.getShort()];
        b.get(name);
        s.types.put(new String(name, StandardCharsets.UTF_8), b.getLong());
      }
      while (b.hasRemaining()) {
        s.absorbed.add(id(b));
      }
      return s;
    }

    private static byte[] id(ByteBuffer b) {
      byte[] id = new byte[ID_BYTES];
      b.get(id);
      return id;
    }
  }
}
