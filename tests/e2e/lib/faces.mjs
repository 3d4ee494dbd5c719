/* lib/faces.mjs - people without a browser: plain RTP participants that one process in C
 * (tests/tools/rtp_faces.c) sends pre-encoded pictures of one colour for. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';

import { check, until } from './test.mjs';

/* Far from one another and from those of PEOPLE, after video coding. */
export const FACES = [
    { name: 'Yann', colour: '#c8c828', rgb: [200, 200, 40] },
    { name: 'Cora', colour: '#28c8c8', rgb: [40, 200, 200] },
    { name: 'Mia', colour: '#c828c8', rgb: [200, 40, 200] },
    { name: 'Gus', colour: '#808080', rgb: [128, 128, 128] },
    { name: 'Olga', colour: '#f08c1e', rgb: [240, 140, 30] },
    { name: 'Wim', colour: '#f0f0f0', rgb: [240, 240, 240] },
    { name: 'Bo', colour: '#785028', rgb: [120, 80, 40] },
    { name: 'Nia', colour: '#96c8ff', rgb: [150, 200, 255] },
];

const program = () => join(dirname(process.env.MIXDOWN), 'tests/tools/rtp_faces');

/* They join the room and send until the scope ends. Resolves with FACES and their userIds. */
export async function addFaces(scope, server, room, faces, seconds = 240) {
    const joined = [];
    for (const face of faces) {
        const body = { name: face.name, video: { pt: 96, codec: 'vp8', direction: 'sendonly' } };
        const { port, userId, id } = await server.json(`/api/v1/rooms/${room}/rtp`,
            { method: 'POST', body: JSON.stringify(body) });
        joined.push({ ...face, port, userId, id });
    }
    const child = spawn(program(), [String(seconds), ...joined.map(({ port, colour }) => `${port}:${colour}`)],
        { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => { said += chunk; });
    scope.defer(() => child.kill('SIGTERM'));
    await until('the faces to be seen', async () => {
        check(child.exitCode === null, `rtp_faces ended with ${child.exitCode}: ${said}`);
        const { members } = await server.json(`/api/v1/rooms/${room}/members`);
        return joined.every(({ userId }) => members.find((member) => member.userId === userId)?.video);
    });
    return joined;
}

/* They leave. */
export async function removeFaces(server, room, faces) {
    for (const { id } of faces)
        await server.json(`/api/v1/rooms/${room}/rtp/${id}`, { method: 'DELETE' });
}
