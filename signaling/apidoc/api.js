/* The page at /api/v1/: every route of the server's own OpenAPI document, with a form that asks it. */

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const KEPT = 'mixdown-api-token'; /* for this tab */

const $ = (id) => document.getElementById(id);

function make(name, props = {}, ...children) {
    const node = Object.assign(document.createElement(name), props);
    node.append(...children.filter(Boolean));
    return node;
}

const schemaOf = (api, schema) => (schema?.$ref ? schemaOf(api, api.components.schemas[schema.$ref.split('/').pop()]) : schema);

/* What a body may look like: the schema's own example, else its required parts. */
function exampleOf(api, given, depth = 0) {
    const schema = schemaOf(api, given) ?? {};
    if (schema.example !== undefined)
        return schema.example;
    if (schema.enum)
        return schema.enum[0];
    const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
    if (type === 'object' && depth < 4)
        return Object.fromEntries((schema.required ?? []).map((key) => [key, exampleOf(api, schema.properties?.[key], depth + 1)]));
    return { array: [], string: '', integer: schema.minimum ?? 0, number: 0, boolean: false }[type] ?? null;
}

/* --- one route ------------------------------------------------------------------------------- */

function field(parameter) {
    const choices = parameter.schema?.enum;
    const input = choices
        ? make('select', {}, make('option', { value: '', textContent: '' }), ...choices.map((c) => make('option', { textContent: c })))
        : make('input', { type: 'text', spellcheck: false, autocomplete: 'off' });
    input.name = parameter.name;
    if (parameter.schema?.default !== undefined && !choices)
        input.placeholder = String(parameter.schema.default);
    const label = make('span', { textContent: parameter.name });
    if (parameter.required)
        label.append(make('em', { textContent: ' *', title: 'needed' }));
    return { parameter, input, node: make('label', { className: 'field', title: parameter.description ?? '' }, label, input) };
}

function bodyField(api, operation) {
    const body = operation.requestBody;
    if (!body)
        return null;
    const [type] = Object.keys(body.content);
    const isText = type === 'application/json' || /sdp/.test(type);
    const input = isText
        ? make('textarea', { spellcheck: false })
        : make('input', { type: 'file', accept: type });
    if (type === 'application/json')
        input.value = JSON.stringify(exampleOf(api, body.content[type].schema), null, 2);
    return { type, input, node: make('label', { className: 'field' }, make('span', { textContent: `${type}. ${body.description}` }), input) };
}

function answersTable(operation) {
    return make('table', {}, make('tbody', {}, ...Object.entries(operation.responses).map(([status, { description, content }]) => {
        const shapes = Object.entries(content ?? {}).map(([type, { schema }]) => schema?.$ref?.split('/').pop() ?? type);
        const text = description.replaceAll('\n\n', '\n').replaceAll('`', '');
        const words = Number(status) < 300 && shapes.length ? `${text} ${shapes.join(', ')}` : text;
        return make('tr', {}, make('td', { textContent: status }), make('td', { textContent: words }));
    })));
}

function requestOf(method, path, fields, body) {
    const headers = {};
    const query = new URLSearchParams();
    let where = path;
    for (const { parameter, input } of fields) {
        const value = input.value.trim();
        if (parameter.in === 'path')
            where = where.replace(`{${parameter.name}}`, encodeURIComponent(value));
        else if (value && parameter.in === 'query')
            query.set(parameter.name, value);
        else if (value)
            headers[parameter.name] = value;
    }
    const token = $('token').value.trim();
    if (token)
        headers.Authorization = `Bearer ${token}`;
    const content = body && (body.input.type === 'file' ? body.input.files[0] : body.input.value.trim());
    if (content)
        headers['Content-Type'] = body.input.type === 'file' ? content.type || body.type : body.type;
    const url = String(query) ? `${where}?${query}` : where;
    return { url, options: { method: method.toUpperCase(), headers, ...(content && { body: content }) } };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/* The same for a shell; the token stays out of it. */
function curlOf({ url, options }) {
    const headers = Object.entries(options.headers)
        .map(([name, value]) => ` -H ${name === 'Authorization' ? '"Authorization: Bearer $TOKEN"' : quoted(`${name}: ${value}`)}`);
    const body = typeof options.body === 'string' ? ` -d ${quoted(options.body)}` : options.body ? ` --data-binary @${quoted(options.body.name)}` : '';
    return `curl -X ${options.method} ${quoted(location.origin + url)}${headers.join('')}${body}`;
}

async function showReply(result, request) {
    const began = performance.now();
    const reply = await fetch(request.url, request.options);
    const type = reply.headers.get('content-type') ?? '';
    const ms = Math.round(performance.now() - began);
    const shown = ['location', 'etag', 'link', 'allow', 'retry-after', 'idempotency-replayed'].filter((name) => reply.headers.has(name));
    const status = make('div', {
        className: `status ${reply.ok ? 'good' : 'bad'}`, textContent: `${reply.status} ${reply.statusText} · ${ms} ms · ${type}`,
    });
    const headers = shown.length && make('pre', { textContent: shown.map((name) => `${name}: ${reply.headers.get(name)}`).join('\n') });
    let body = null;
    if (type.startsWith('image/')) {
        body = make('img', { src: URL.createObjectURL(await reply.blob()), alt: 'The answer' });
    } else if (/json|text|sdp/.test(type)) {
        const text = await reply.text();
        const isJson = type.includes('json') && text;
        body = make('pre', { textContent: isJson ? JSON.stringify(JSON.parse(text), null, 2) : text || '(no body)' });
    }
    result.replaceChildren(...[status, headers, body].filter(Boolean));
}

function inside(api, path, method, operation) {
    const fields = operation.parameters.map(field);
    const body = bodyField(api, operation);
    const result = make('div', { className: 'result' });
    result.setAttribute('aria-live', 'polite');
    const send = make('button', { type: 'submit', textContent: 'Send' });
    const copy = make('button', { type: 'button', className: 'quiet', textContent: 'curl' });
    copy.onclick = () => result.replaceChildren(make('pre', { textContent: curlOf(requestOf(method, path, fields, body)) }));
    const form = make('form', { className: 'inside' },
        make('p', { className: 'who', textContent: operation.description }),
        fields.length ? make('div', { className: 'grid' }, ...fields.map(({ node }) => node)) : null,
        body?.node, make('div', { className: 'row' }, send, copy), result, answersTable(operation));
    form.onsubmit = async (event) => {
        event.preventDefault();
        const missing = fields.find(({ parameter, input }) => parameter.required && !input.value.trim());
        if (missing) {
            missing.input.focus();
            return;
        }
        send.disabled = true;
        try {
            await showReply(result, requestOf(method, path, fields, body));
        } catch (err) {
            result.replaceChildren(make('div', { className: 'status bad', textContent: String(err) }));
        }
        send.disabled = false;
    };
    return form;
}

function route(api, path, method, operation) {
    const shown = make('span', { className: 'path' });
    for (const part of path.split(/(\{\w+\})/))
        shown.append(part.startsWith('{') ? make('b', { textContent: part }) : part);
    const node = make('details', { id: operation.operationId }, make('summary', {},
        make('span', { className: `method ${method}`, textContent: method }), shown,
        make('span', { className: 'about', textContent: operation.summary })));
    node.ontoggle = () => { /* the form is made when it is wanted */
        if (node.open && node.children.length === 1)
            node.append(inside(api, path, method, operation));
    };
    node.dataset.words = `${method} ${path} ${operation.summary} ${operation.tags.join(' ')}`.toLowerCase();
    return node;
}

/* --- the page -------------------------------------------------------------------------------- */

function show(api) {
    const byTag = new Map();
    for (const [path, methods] of Object.entries(api.paths)) {
        for (const method of METHODS.filter((name) => methods[name])) {
            const operation = methods[method];
            const [tag] = operation.tags;
            byTag.set(tag, [...(byTag.get(tag) ?? []), route(api, path, method, operation)]);
        }
    }
    $('version').textContent = api.info.version;
    $('tags').replaceChildren(...[...byTag.keys()].map((tag) => make('a', { href: `#${tag}`, textContent: tag })));
    $('operations').replaceChildren(...[...byTag].map(([tag, nodes]) =>
        make('section', { id: tag }, make('h2', { textContent: tag }), ...nodes)));
    $('operations').removeAttribute('aria-busy');
}

function filter() {
    const words = $('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of document.querySelectorAll('section')) {
        for (const node of section.querySelectorAll('details'))
            node.hidden = !words.every((word) => node.dataset.words.includes(word));
        section.hidden = [...section.querySelectorAll('details')].every((node) => node.hidden);
    }
}

$('token').value = sessionStorage.getItem(KEPT) ?? '';
$('token').onchange = () => sessionStorage.setItem(KEPT, $('token').value.trim());
$('filter').oninput = filter;
try {
    show(await (await fetch('/api/v1/openapi.json')).json());
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
} catch (err) {
    $('operations').replaceChildren(make('p', { className: 'empty', textContent: `The document cannot be read: ${err.message}` }));
}
