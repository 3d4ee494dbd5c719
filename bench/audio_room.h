/* bench/audio_room.h - what all contenders of bench/audio_room are set to. */
#ifndef BENCH_AUDIO_ROOM_H
#define BENCH_AUDIO_ROOM_H

enum {
    AUDIO_ROOM_SPEAKERS = 5,   /* K */
    AUDIO_ROOM_KBPS = 32,      /* of each mono Opus mix */
    AUDIO_ROOM_COMPLEXITY = 4, /* of Opus: AudioBridge's own default */
    AUDIO_ROOM_LEVEL_EXT = 1,  /* id of RFC 6464 */
};

#endif
