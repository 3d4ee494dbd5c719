/* lib/procs.mjs - processes of a server under test, found in /proc. Rooms outlive the front that started
 * them, so they are known by a mark in their environment, and one room by the UDP port it holds. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

const MARK = 'E2E_SERVER';

export const markOf = (port) => ({ [MARK]: String(port) });

/* All living processes of the server on this port, the front too. */
export function processesOf(port) {
    const wanted = `${MARK}=${port}`;
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
        try {
            return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(wanted) &&
                readFileSync(`/proc/${pid}/cmdline`).length > 0; /* a zombie's is empty */
        } catch {
            return false; /* gone meanwhile */
        }
    });
}

/* Which of them holds the UDP port; 0: none. */
export function holderOf(port, udpPort) {
    const hex = `:${udpPort.toString(16).toUpperCase().padStart(4, '0')}`;
    const lines = ['udp', 'udp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n'));
    const sockets = lines.map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[1]?.endsWith(hex))
        .map((fields) => `socket:[${fields[9]}]`);
    return processesOf(port).find((pid) => openFiles(pid).some((file) => sockets.includes(file))) ?? 0;
}

function openFiles(pid) {
    try {
        return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
        return [];
    }
}
