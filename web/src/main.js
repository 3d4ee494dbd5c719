import { mount } from 'svelte';

import './app.css';

/* Two pages of one build; who is in a meeting does not load the other. */
const { default: Page } = location.pathname === '/admin'
    ? await import('./admin/Admin.svelte')
    : await import('./App.svelte');

mount(Page, { target: document.getElementById('app') });
