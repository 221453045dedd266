package headwater.peer;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

/**
 * RocksDB as Kafka Streams' memory guide advises: one cache for all stores, memtables counted in it.
 * The sizes are those of our store: a cache of 64 MiB, memtables of 4 MiB, bloom filters of 10 bits.
 */
public final class Rocks implements RocksDBConfigSetter {
  private static final long CACHE_BYTES = 64L << 20;
  private static final long MEMTABLE_BYTES = 4L << 20;
  private static final Cache CACHE = new LRUCache(CACHE_BYTES + 12 * MEMTABLE_BYTES, -1, false, 0.1);
  private static final WriteBufferManager BUFFERS = new WriteBufferManager(12 * MEMTABLE_BYTES, CACHE);
  private static final BloomFilter FILTER = new BloomFilter(10);

  @Override
  public void setConfig(String store, Options options, Map<String, Object> configs) {
    BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
    table.setBlockCache(CACHE);
    table.setCacheIndexAndFilterBlocks(true);
    table.setCacheIndexAndFilterBlocksWithHighPriority(true);
    table.setPinTopLevelIndexAndFilter(true);
    table.setFilterPolicy(FILTER);
    options.setTableFormatConfig(table);
    options.setWriteBufferManager(BUFFERS);
    options.setWriteBufferSize(MEMTABLE_BYTES);
    options.setMaxWriteBufferNumber(2);
    options.setCompressionType(CompressionType.LZ4_COMPRESSION);
  }

  @Override
  public void close(String store, Options options) {
    // The cache and the filter belong to all stores.
  }
}
