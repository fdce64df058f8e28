// liblz4's block API. The frame envelope around a block is written by Reel itself
// (Sources/Reel/Block/LZ4Frame.swift), because each frame holds independently decodable blocks
// whose sizes the block header repeats.
#include <lz4.h>
