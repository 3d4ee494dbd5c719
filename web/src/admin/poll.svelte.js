/* admin/poll.svelte.js - asks a path again and again while the component lives: poll(() => server, () => path, ms) gives
 * {value, error, refresh()}. */
export function poll(server, path, everyMs) {
    const state = $state({ value: null, error: '', refresh: () => {} });
    $effect(() => {
        const address = path();
        let isGone = false;
        let timer = 0;
        const next = async () => {
            clearTimeout(timer);
            try {
                const value = document.hidden && state.value ? state.value : await server().ask(address);
                if (!isGone)
                    Object.assign(state, { value, error: '' });
            } catch (err) {
                if (!isGone)
                    state.error = err.message;
            }
            if (!isGone)
                timer = setTimeout(next, everyMs);
        };
        state.refresh = next;
        next();
        return () => {
            isGone = true;
            clearTimeout(timer);
        };
    });
    return state;
}
