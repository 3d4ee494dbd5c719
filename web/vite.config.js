import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

/* `npm run dev` serves the page with live reload and passes the rest on to a running server. */
const server = process.env.MIXDOWN_SERVER ?? 'http://127.0.0.1:8080';

export default defineConfig({
    plugins: [svelte()],
    build: {
        target: 'es2022',
        assetsInlineLimit: 0, /* no data: addresses, so that a strict CSP holds */
        modulePreload: { polyfill: false },
    },
    server: {
        proxy: {
            '/ws': { target: server, ws: true },
            '/api': { target: server },
        },
    },
});
