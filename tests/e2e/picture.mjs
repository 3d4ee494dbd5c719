/* tests/e2e/picture.mjs - makes docs/images/room.png and screen.png: a real room of four, seen by one of them.
 * Usage: MIXDOWN=build/mixdown node picture.mjs */
import { mkdirSync } from 'node:fs';

import { Person } from './lib/browser.mjs';
import { Server } from './lib/server.mjs';
import { Scope, sleep } from './lib/test.mjs';

/* Somebody at a desk, as plain as a drawing can be; moves a little. */
function installSitter({ wall, skin, hair, shirt, freq }) {
    function draw(c, w, h, t) {
        const sky = c.createLinearGradient(0, 0, w, h);
        sky.addColorStop(0, wall[0]);
        sky.addColorStop(1, wall[1]);
        c.fillStyle = sky;
        c.fillRect(0, 0, w, h);
        c.fillStyle = 'rgba(255,255,255,0.10)';
        c.fillRect(w * 0.06, h * 0.1, w * 0.2, h * 0.36);
        c.fillRect(w * 0.74, h * 0.16, w * 0.2, h * 0.04);
        c.fillRect(w * 0.74, h * 0.36, w * 0.2, h * 0.04);
        const x = w / 2 + Math.sin(t * 0.9) * w * 0.012;
        const y = h * 0.42 + Math.sin(t * 1.7) * h * 0.008;
        const blob = (colour, px, py, rx, ry) => {
            c.fillStyle = colour;
            c.beginPath();
            c.ellipse(px, py, rx, ry, 0, 0, Math.PI * 2);
            c.fill();
        };
        blob(shirt, x, h * 1.06, w * 0.25, h * 0.42);
        blob(skin, x, h * 0.66, w * 0.05, h * 0.12);
        blob(hair, x, y - h * 0.05, w * 0.118, h * 0.235);
        blob(skin, x, y + h * 0.02, w * 0.095, h * 0.195);
        blob(hair, x, y - h * 0.17, w * 0.1, h * 0.09);
        for (const side of [-1, 1])
            blob('#20232a', x + side * w * 0.036, y, w * 0.009, Math.sin(t * 0.7) > 0.985 ? 1 : h * 0.018);
        c.strokeStyle = '#7c3b3b';
        c.lineWidth = h * 0.012;
        c.beginPath();
        c.arc(x, y + h * 0.05, w * 0.035, 0.25 * Math.PI, 0.75 * Math.PI);
        c.stroke();
    }
    navigator.mediaDevices.getUserMedia = async () => {
        const canvas = document.createElement('canvas');
        canvas.width = 640;
        canvas.height = 360;
        const c = canvas.getContext('2d', { alpha: false });
        setInterval(() => draw(c, 640, 360, performance.now() / 1000), 50);
        const audio = new AudioContext();
        const tone = audio.createOscillator();
        const gain = audio.createGain();
        const out = audio.createMediaStreamDestination();
        tone.frequency.value = freq;
        gain.gain.value = 0.02;
        tone.connect(gain).connect(out);
        tone.start();
        return new MediaStream([...canvas.captureStream(20).getTracks(), ...out.stream.getTracks()]);
    };
}

/* What somebody shares: a few lines and a curve. */
function installSlides() {
    navigator.mediaDevices.getDisplayMedia = async () => {
        const canvas = document.createElement('canvas');
        canvas.width = 1280;
        canvas.height = 720;
        const c = canvas.getContext('2d', { alpha: false });
        const draw = () => {
            c.fillStyle = '#fbfaf6';
            c.fillRect(0, 0, 1280, 720);
            c.fillStyle = '#1d2127';
            c.font = '600 54px sans-serif';
            c.fillText('One mixed stream that gets through', 80, 120);
            c.font = '32px sans-serif';
            const lines = ['One picture for all, or one of your own', 'Sharp slides, small faces', 'As much as each network carries'];
            lines.forEach((line, i) => c.fillText(`•  ${line}`, 80, 210 + i * 60));
            c.strokeStyle = '#d98a1f';
            c.lineWidth = 7;
            c.beginPath();
            for (let x = 0; x <= 1120; x += 8)
                c.lineTo(80 + x, 620 - 150 / (1 + Math.exp((480 - x) / 90)) - Math.sin(x / 40) * 9);
            c.stroke();
            c.fillStyle = '#d98a1f';
            c.fillRect(80, 670, ((performance.now() / 20) % 1120), 6);
        };
        setInterval(draw, 200);
        draw();
        return canvas.captureStream(5);
    };
}

const SITTERS = [
    { name: 'Ada', wall: ['#3d4f73', '#1f2a44'], skin: '#e3b18f', hair: '#3a2418', shirt: '#b33951', freq: 220 },
    { name: 'Grace', wall: ['#5b7f6b', '#28463a'], skin: '#8d5a3c', hair: '#17110e', shirt: '#e0b84c', freq: 247 },
    { name: 'Linus', wall: ['#8a6f5a', '#4a3626'], skin: '#f0c9a8', hair: '#b58a4a', shirt: '#2f6f9f', freq: 262 },
    { name: '小林', wall: ['#6d6591', '#352f55'], skin: '#e8be98', hair: '#101014', shirt: '#3f8f77', freq: 294 },
];

const scope = new Scope('picture');
try {
    const server = await Server.start(scope);
    const persons = [];
    for (const sitter of SITTERS) {
        const conf = { name: sitter.name, freq: sitter.freq };
        const person = persons.length && persons.length !== 2
            ? await persons[persons.length - 1].beside(scope, conf)
            : await Person.open(scope, conf, { viewport: { width: 1280, height: 800 }, withSource: false });
        await person.page.addInitScript(installSitter, sitter);
        await person.page.addInitScript(installSlides);
        await person.join(server, 'standup', persons.length ? '' : '?role=host');
        persons.push(person);
    }
    for (const quiet of persons.slice(2)) /* who speaks has a ring, who is muted a sign */
        await quiet.page.keyboard.press('m');
    await persons[0].page.bringToFront();
    await persons[0].page.getByTestId('record').click();
    await persons[0].page.getByRole('button', { name: /People/ }).first().click();
    await sleep(9000);
    mkdirSync('../../docs/images', { recursive: true });
    await persons[0].page.screenshot({ path: '../../docs/images/room.png' });

    const host = persons[0].page;
    await host.keyboard.press('r'); /* its notice would lie over the picture */
    await persons[2].page.getByTestId('screen').click();
    await host.getByTestId('view').click();
    await sleep(22000); /* until the notice of the recording is gone */
    await host.screenshot({ path: '../../docs/images/screen.png' });
} finally {
    await scope.close();
}
