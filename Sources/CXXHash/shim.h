// XXH32 (demanded by the LZ4 frame format) and XXH3-64 (every other checksum of Reel).
#include <xxhash.h>
