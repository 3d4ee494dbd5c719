#!/usr/bin/env python3
"""Makes the built-in sounds again: chimes and hold music from tones, announcements by espeak-ng.

Needs ffmpeg and espeak-ng; run in this folder. The results are committed, so a build needs neither."""
import math
import os
import struct
import subprocess
import tempfile
import wave

RATE = 48000
BELL = ((1, 1.0, 1.0), (2, 0.35, 1.6), (3, 0.12, 2.3), (4.2, 0.05, 4.0))  # multiple, level, decay
SILENCE = "silenceremove=start_periods=1:start_threshold=-50dB"
TRIM = f"highpass=90,{SILENCE},areverse,{SILENCE},areverse,adelay=80:all=1,apad=pad_dur=0.15"
SPEECH = {
    "recording-en": ("en-us", "This meeting is being recorded."),
    "recording-zh": ("cmn", "本次会议正在录制。"),
}


def hz(note):  # MIDI number
    return 440 * 2 ** ((note - 69) / 12)


def add_note(pcm, at_s, note, level, decay_s, wraps=False):
    """A soft bell. What rings on past the end goes round to the beginning in a loop."""
    first = int(at_s * RATE)
    for i in range(int(decay_s * 6 * RATE)):
        if not wraps and first + i >= len(pcm):
            return
        t = i / RATE
        rise = min(1, t / 0.006)
        tone = sum(a * math.exp(-t * d / decay_s) * math.sin(2 * math.pi * hz(note) * m * t)
                   for m, a, d in BELL)
        pcm[(first + i) % len(pcm)] += level * rise * tone


def chime(notes):
    pcm = [0.0] * int(0.9 * RATE)
    for i, note in enumerate(notes):
        add_note(pcm, 0.14 * i, note, 1, 0.16)
    fade = RATE // 20
    for i in range(fade):
        pcm[-1 - i] *= i / fade
    return pcm


def hold():
    """Four bars, Cmaj9 Am9 Fmaj9 G6, as slow arpeggios over a bass note; 16 s that close up."""
    chords = ((48, 64, 67, 71, 74), (45, 64, 67, 72, 71), (41, 60, 64, 67, 69), (43, 62, 67, 64, 71))
    order = (1, 2, 3, 4, 3, 2, 4, 3)
    pcm = [0.0] * (16 * RATE)
    for bar, chord in enumerate(chords):
        add_note(pcm, bar * 4, chord[0], 0.9, 1.1, True)
        for step, which in enumerate(order):
            add_note(pcm, bar * 4 + step * 0.5, chord[which], 0.5, 0.6, True)
    return pcm


def read_wav(path):
    with wave.open(path) as file:
        assert file.getnchannels() == 1 and file.getsampwidth() == 2
        data = file.readframes(file.getnframes())
        return file.getframerate(), struct.unpack(f"<{len(data) // 2}h", data)


def speech(voice, text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "in.wav")
        subprocess.run(["espeak-ng", "-v", voice, "-s", "145", "-w", path, text], check=True)
        return read_wav(path)


def encode(name, pcm, peak_db, bitrate, rate=RATE, filters="anull"):
    scale = 10 ** (peak_db / 20) * 32767 / max(abs(x) for x in pcm)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "in.wav")
        with wave.open(path, "wb") as out:
            out.setparams((1, 2, rate, 0, "NONE", ""))
            out.writeframes(struct.pack(f"<{len(pcm)}h", *(round(x * scale) for x in pcm)))
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", path, "-af", filters, "-ar", str(RATE),
                        "-ac", "1", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a",
                        "+bitexact", "-c:a", "libopus", "-b:a", bitrate, "-frame_duration", "60",
                        name + ".opus"], check=True)


if __name__ == "__main__":
    encode("join", chime((76, 81)), -12, "40k")
    encode("leave", chime((81, 76)), -12, "40k")
    encode("hold", hold(), -14, "40k")
    for stem, (language, words) in SPEECH.items():
        hertz, said = speech(language, words)
        encode(stem, said, -5, "24k", hertz, TRIM)
