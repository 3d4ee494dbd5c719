/* bench/network/cases.mjs - what the network does, and what must be seen behind it (issue 5's table). `lines` are the rig's
 * (tests/lib/netrig_conf.h); judge() gets what look() in run.mjs measured and returns [what was seen, is it good enough]. */
const percent = (part) => `${(100 * part).toFixed(1)} %`;

const soundWithin = (limit) => ({ concealed }) => [`sound made up ${percent(concealed)}`, concealed <= limit];
const uplinkWithin = (limit) => ({ uplink }) =>
    [uplink === null ? 'no figures came' : `sound made up ${percent(uplink)}`, uplink !== null && uplink <= limit];
const pictureWithin = (limit) => ({ frozen, stillMs }) =>
    [`frozen ${percent(frozen)}, longest ${stillMs} ms`, frozen <= limit && stillMs <= 2000];

const CASES = [
    { name: 'capacity falls from all to 700 kbit/s (RFC 8867 5.1)', wants: '360p within 5 s', settleMs: 0,
        lines: ['both delay=25ms', 'down rate=700k queue=300ms'], seconds: 15,
        judge: ({ heightAtMs }) => [`360p after ${heightAtMs(360) ?? '-'} ms`, heightAtMs(360) !== null && heightAtMs(360) <= 5000] },
    { name: 'capacity rises from 700 kbit/s to all (RFC 8867 5.1)', wants: '720p within 15 s', settleMs: 0,
        lines: ['both delay=25ms'], seconds: 20,
        judge: ({ heightAtMs }) => [`720p after ${heightAtMs(720) ?? '-'} ms`, heightAtMs(720) !== null && heightAtMs(720) <= 15000] },
    { name: 'down 100 kbit/s, 300 ms round trip, 5 % loss', wants: 'no silence over 200 ms, a frame a second',
        lines: ['both delay=150ms', 'down rate=100k queue=400ms loss=5%'], settleMs: 10000, seconds: 15,
        judge: ({ silenceMs, fps }) => [`silence ${silenceMs} ms, ${fps.toFixed(1)} frames/s`, silenceMs <= 200 && fps >= 1] },
    { name: 'video, no loss, 100 ms round trip: what this machine freezes by itself', wants: 'for comparison',
        lines: ['both delay=50ms'], judge: pictureWithin(1) },
    { name: 'video, 10 % loss, 100 ms round trip', wants: 'frozen 1 %, never over 2 s',
        lines: ['both delay=50ms', 'down loss=10%'], judge: pictureWithin(0.01) },
    { name: 'video, 30 % loss, 100 ms round trip', wants: 'frozen 5 %, never over 2 s',
        lines: ['both delay=50ms', 'down loss=30%'], judge: pictureWithin(0.05) },
    ...[[30, 0.01], [50, 0.03], [70, 0.15]].map(([loss, limit]) => ({ name: `sound down, ${loss} % loss`, wants: `made up at most ${percent(limit)}`,
        lines: ['both delay=25ms', `down loss=${loss}%`], judge: soundWithin(limit) })),
    ...[[10, 0.01], [30, 0.04], [50, 0.15]].map(([loss, limit]) => ({ name: `sound up, ${loss} % loss`, wants: `made up at most ${percent(limit)}`,
        lines: ['both delay=25ms', `up loss=${loss}%`], judge: uplinkWithin(limit) })),
    { name: 'sound down, bursts: 10 % loss of mean length 5', wants: 'made up at most 2.0 %',
        lines: ['both delay=25ms', 'down loss=10% burst=5'], judge: soundWithin(0.02) },
    { name: 'sound down, jitter of 50 ms, peaks of 300, reordering', wants: 'made up at most 2.0 %',
        lines: ['both delay=60ms', 'down jitter=50ms dist=normal order=free peaks=1%:300ms'], settleMs: 10000, judge: soundWithin(0.02) },
    { name: 'one viewer at 150 kbit/s: the other one', wants: 'his frames as before',
        lines: ['both delay=25ms', 'down rate=150k queue=300ms'], settleMs: 8000,
        judge: ({ nearFps, usualFps }) => [`${nearFps.toFixed(1)} frames/s, ${usualFps.toFixed(1)} before`, nearFps >= usualFps * 0.9] },
    ...[5, 30].map((seconds) => ({ name: `nothing at all for ${seconds} s`, wants: 'back within 2 s', lines: ['both delay=25ms'], darkSeconds: seconds,
        judge: ({ backMs }) => [`back after ${backMs} ms`, backMs <= 2000] })),
];

export default CASES;
