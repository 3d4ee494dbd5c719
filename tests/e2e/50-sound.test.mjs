/* Sound as people handle it on the page: who speaks, muting oneself and others, volumes for oneself and
 * for all, not hearing, original sound. Told apart by the spectrum of what each receives. */
import { GRID, PEOPLE, Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { check, test, until } from './lib/test.mjs';

const LONG = { limitMs: 60000 };
const SILENT_MS = 2000;    /* muted by a host: gone for the others after at most this */
const STALL_MS = 250;      /* unless this machine itself slept longer than that */
const HEARD_DB = -55;
const GONE_DB = -75;

/* Levels as they come: no levelling, which would follow what the tests change. */
const PLAIN = { MIXDOWN_AUDIO_LEVELLING: 'false' };

async function meet(scope, server, room, people = PEOPLE, prepare = () => {}) {
    const persons = [];
    for (const [i, conf] of people.entries()) {
        const person = await Person.open(scope, conf, { viewport: { width: 1280, height: 800 } });
        await prepare(person);
        await person.join(server, room, i === 0 ? '?role=host' : '');
        persons.push(person);
    }
    for (const person of persons)
        await row(person, people.at(-1).name).waitFor();
    return persons;
}

const row = (person, name) => person.page.getByTestId('member').filter({ hasText: name });
const line = (person, name) => row(person, name).getByRole('button').first();
const meter = (person, name) => row(person, name).getByRole('meter');
const bar = async (person, name) => Number(await meter(person, name).getAttribute('aria-valuenow'));

async function level(person, of) {
    return (await person.levels([of.conf.freq], 1))[0];
}

const sides = (person, of) => person.page.evaluate((freq) => window.__measure.sides(freq), of.conf.freq);

const hears = (person, of) => until(`${person.conf.name} to hear ${of.conf.name}`,
    async () => (await level(person, of)) > HEARD_DB, LONG);
const doesNotHear = (person, of) => until(`${person.conf.name} not to hear ${of.conf.name}`,
    async () => {
        const db = await level(person, of);
        if (db < GONE_DB)
            return true;
        throw new Error(`${db.toFixed(1)} dB`);
    }, LONG);

/* How loud one is beside another, for this person, in dB: what both share cancels out. */
async function difference(person, one, other) {
    const [a, b] = await person.levels([one.conf.freq, other.conf.freq], 3);
    return a - b;
}

async function open(person, name) {
    if ((await line(person, name).getAttribute('aria-expanded')) !== 'true')
        await line(person, name).click();
}

async function setVolume(person, name, percent, which = 'volume-me') {
    await open(person, name);
    await row(person, name).getByTestId(which).fill(String(percent));
}

async function isMuted(person) {
    await person.page.getByTestId('microphone').and(person.page.getByLabel('Unmute')).waitFor({ timeout: LONG.limitMs });
}

async function noErrors(persons) {
    for (const { conf, errors } of persons)
        check(!errors.length, `${conf.name}'s page threw ${errors}`);
}

test('rings and levels show who makes sound, and move with it', async (scope) => {
    const server = await Server.start(scope, PLAIN);
    const [ada, grace] = await meet(scope, server, 'levels', PEOPLE.slice(0, 2));
    const header = ada.page.getByTestId('speakers');
    for (const name of ['Ada', 'Grace'])
        await header.getByText(name).waitFor({ timeout: LONG.limitMs });
    await until('Grace\'s bar to be long', async () => (await bar(ada, 'Grace')) > 40, LONG);
    const loud = await bar(ada, 'Grace');

    await grace.page.evaluate(() => window.__loudness(0.02));
    await until('a tenth of the sound to shorten the bar', async () => {
        const now = await bar(ada, 'Grace');
        return now > 0 && now < loud - 15;
    }, LONG);
    const soft = await bar(ada, 'Grace');
    const mine = await bar(ada, 'Ada');
    check(mine > soft + 10, `Ada's own bar follows Grace's: ${mine}, ${soft}`);

    await grace.page.evaluate(() => window.__loudness(0));
    await until('the ring to go when nothing sounds', async () => (await bar(ada, 'Grace')) === 0, LONG);
    await header.getByText('Grace').waitFor({ state: 'detached', timeout: LONG.limitMs });
    check((await header.getByText('Ada').count()) === 1, 'Ada is not shown to speak any more');
    await grace.page.evaluate(() => window.__loudness(0.2));
    await header.getByText('Grace').waitFor({ timeout: LONG.limitMs });
    scope.note(`bars ${loud}, a tenth of it ${soft}`);
    await noErrors([ada, grace]);
});

test('a host mutes one, then all; each unmutes himself', async (scope) => {
    const server = await Server.start(scope, PLAIN);
    const [ada, grace, linus] = await meet(scope, server, 'mutes');
    for (const person of [ada, linus])
        await hears(person, grace);
    await hears(grace, linus);

    await open(ada, 'Grace');
    const silent = [ada, linus].map((person) =>
        person.page.evaluate(([freq, ms]) => window.__measure.untilSilent(freq, ms), [grace.conf.freq, LONG.limitMs]));
    const before = Date.now();
    await row(ada, 'Grace').getByTestId('mute').click();
    const clickMs = Date.now() - before;
    for (const { ms, stallMs } of await Promise.all(silent)) {
        scope.note(`silent ${ms} ms after the click (page slept ${stallMs} ms, click took ${clickMs})`);
        check(ms <= SILENT_MS + clickMs || stallMs > STALL_MS, `still heard ${ms} ms after the click`);
    }
    for (const person of [ada, linus])
        await doesNotHear(person, grace);
    await hears(ada, linus);
    await grace.page.getByTestId('toast').getByText('Ada muted your microphone').waitFor({ timeout: LONG.limitMs });
    await isMuted(grace);
    await row(linus, 'Grace').getByTitle('Microphone muted').waitFor({ timeout: LONG.limitMs });
    check(await row(ada, 'Grace').getByTestId('mute').isDisabled(), 'who is muted can be muted again');

    /* Grace alone can undo it, and is no host. */
    await open(grace, 'Linus');
    check((await grace.page.getByTestId('mute').count()) === 0, 'one who is no host can mute others');
    check((await grace.page.getByTestId('mute-all').count()) === 0, 'one who is no host can mute all');
    await grace.page.getByTestId('microphone').click();
    for (const person of [ada, linus])
        await hears(person, grace);

    await ada.page.getByTestId('mute-all').click();
    await isMuted(grace);
    await isMuted(linus);
    await doesNotHear(ada, grace);
    await doesNotHear(ada, linus);
    await doesNotHear(linus, grace);
    await hears(linus, ada);
    check(await ada.page.getByTestId('microphone').and(ada.page.getByLabel('Mute', { exact: true })).count(), 'the host is muted too');
    await linus.page.getByTestId('microphone').click();
    await hears(ada, linus);
    await noErrors([ada, grace, linus]);
});

test('a volume for me is for me alone, and is remembered', async (scope) => {
    const server = await Server.start(scope, PLAIN);
    const [ada, grace, linus] = await meet(scope, server, 'volumes');
    await hears(ada, grace);
    await hears(linus, grace);
    await hears(linus, ada);
    const before = await difference(linus, grace, ada);

    await setVolume(linus, 'Grace', 200);
    const louder = await until('200 % to be 6 dB louder for Linus', async () => {
        const now = (await difference(linus, grace, ada)) - before;
        if (Math.abs(now - 6) < 1)
            return now;
        throw new Error(`${now.toFixed(1)} dB`);
    }, LONG);
    scope.note(`200 % is ${louder.toFixed(1)} dB`);

    await setVolume(linus, 'Grace', 0);
    await doesNotHear(linus, grace);
    await hears(linus, ada);
    await hears(ada, grace);

    /* Remembered over a reload, which is a new seat. */
    await linus.page.reload();
    await linus.inRoom();
    await hears(linus, ada);
    await doesNotHear(linus, grace);
    await line(linus, 'Grace').waitFor();
    await open(linus, 'Grace');
    check((await row(linus, 'Grace').getByTestId('volume-me').inputValue()) === '0', 'the slider has forgotten');
    await setVolume(linus, 'Grace', 100);
    await hears(linus, grace);
    await noErrors([ada, grace, linus]);
});

test('a host sets a volume for everyone', async (scope) => {
    const server = await Server.start(scope, PLAIN);
    const [ada, grace, linus] = await meet(scope, server, 'loudness');
    await hears(linus, grace);
    await hears(linus, ada);
    await open(linus, 'Grace');
    const whole = await difference(linus, grace, ada);
    check((await row(linus, 'Grace').getByTestId('volume-room').count()) === 0, 'Linus may set the room\'s volume');
    await setVolume(ada, 'Grace', 50, 'volume-room');
    const half = await until('50 % for the room to be 6 dB less for Linus', async () => {
        const now = (await difference(linus, grace, ada)) - whole;
        if (Math.abs(now + 6) < 1)
            return now;
        throw new Error(`${now.toFixed(1)} dB`);
    }, LONG);
    scope.note(`50 % for the room is ${half.toFixed(1)} dB`);
    await noErrors([ada, grace, linus]);
});

test('deaf hears nothing and is heard; original sound is captured unprocessed', async (scope) => {
    const server = await Server.start(scope, PLAIN);
    const [ada, grace] = await meet(scope, server, 'deaf', [PEOPLE[0], { ...PEOPLE[1], isLeft: true }]);
    await hears(ada, grace);
    await hears(grace, ada);
    await grace.page.getByTestId('deaf').click();
    await doesNotHear(grace, ada);
    await hears(ada, grace);
    await row(ada, 'Grace').getByTitle('Does not hear').waitFor({ timeout: LONG.limitMs });
    await grace.page.getByTestId('deaf').click();
    await hears(grace, ada);

    await grace.page.getByTestId('settings').click();
    await grace.page.getByTestId('original').click();
    await row(ada, 'Grace').getByTitle('Original sound').waitFor({ timeout: LONG.limitMs });
    const { echoCancellation, noiseSuppression, autoGainControl } =
        await grace.page.evaluate(() => window.__source.wanted.audio);
    check(echoCancellation === false && noiseSuppression === false && autoGainControl === false, 'the browser still processes');
    const music = await until('the music to come on the left alone', async () => {
        const [left, right] = await sides(ada, grace);
        return left > HEARD_DB && right < GONE_DB && left;
    }, LONG);
    await grace.page.getByTestId('original').click();
    await row(ada, 'Grace').getByTitle('Original sound').waitFor({ state: 'detached', timeout: LONG.limitMs });
    check(await grace.page.evaluate(() => window.__source.wanted.audio.echoCancellation), 'the browser does not process again');
    await until('speech to be mono', async () => {
        const [left, right] = await sides(ada, grace);
        return left > HEARD_DB && Math.abs(left - right) < 1;
    }, LONG);
    scope.note(`music on the left at ${music.toFixed(0)} dB`);
    await ada.seesMotion(GRID[2]);
    await noErrors([ada, grace]);
});

/* Statistics name the codec inside RED only: the copies are seen by their bytes, beside someone whose
 * browser cannot be told to send them. */
test('sound goes out with copies, and its NACK is agreed', async (scope) => {
    const server = await Server.start(scope);
    const [ada, grace] = await meet(scope, server, 'red', PEOPLE.slice(0, 2), (person) =>
        person.conf.name === 'Grace' && person.page.addInitScript(() => {
            const { prototype } = RTCRtpTransceiver;
            const set = prototype.setCodecPreferences;
            prototype.setCodecPreferences = function without(codecs) {
                set.call(this, codecs.filter((codec) => !/\/red$/i.test(codec.mimeType)));
            };
        }));
    await hears(ada, grace);
    await hears(grace, ada);
    const bytesEach = (person) => until(`${person.conf.name} to send`, async () => {
        const { soundsSent, soundBytesSent } = await person.transport();
        return soundsSent > 200 && soundBytesSent / soundsSent;
    }, LONG);
    const [withCopies, without] = [await bytesEach(ada), await bytesEach(grace)];
    scope.note(`${withCopies.toFixed(0)} bytes a packet, ${without.toFixed(0)} without copies`);
    check(withCopies > 1.5 * without, `no copies: ${withCopies} bytes a packet, ${without} without`);
    const { offer, answer } = await ada.page.evaluate(() => window.__measure.descriptions());
    const pt = /a=rtpmap:(\d+) opus/i.exec(offer)[1];
    for (const [name, sdp] of [['offer', offer], ['answer', answer]])
        check(new RegExp(`a=rtcp-fb:${pt} nack\\r?$`, 'm').test(sdp), `the ${name} has no NACK for Opus`);
    await noErrors([ada, grace]);
});
