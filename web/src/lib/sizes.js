/* lib/sizes.js - bytes and rates as people read them. */

/* 1536 -> "1.5 kB" */
export function sizeText(bytes) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB'];
    let value = bytes ?? 0;
    let unit = 0;
    for (; value >= 1000 && unit < units.length - 1; unit++)
        value /= 1000;
    return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/* Bits a second; nothing known is a dash. */
export function rateText(bps) {
    if (!(bps > 0))
        return '–';
    return bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`;
}
