// S3-compatible storage in memory. It trusts nobody: each request's signature is made again here from what came
// over the wire (AWS4-HMAC-SHA256, as AWS documents it), and bodies must have the hash they were signed with.
// `plan(request)` may answer a status, 'cut' (the connection is cut half-way) or 'hang' in place of the storage.
import crypto from 'node:crypto';
import http from 'node:http';

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const mac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export class Storage {
  constructor({ bucket = 'films', region = 'eu-test-1', accessKey = 'ACCESS', secretKey = 'sec/ret+KEY' } = {}) {
    Object.assign(this, { bucket, region, accessKey, secretKey });
    this.objects = new Map(); // key: Buffer
    this.types = new Map();
    this.uploads = new Map(); // id: {key, type, parts: Map}
    this.requests = [];       // what came and was answered: {method, key, query, status}
    this.forged = [];         // why a signature was refused
    this.sockets = new Set();
    this.nextId = 1;
    this.plan = () => null;
  }

  async start(port = 0) {
    this.server = http.createServer((req, res) => this.serve(req, res));
    this.server.on('connection', (s) => { this.sockets.add(s); s.on('close', () => this.sockets.delete(s)); });
    await new Promise((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.endpoint = `http://127.0.0.1:${this.port}`;
    return this;
  }

  // As a crash: what is open is cut off; what was stored stays.
  async stop() {
    for (const s of this.sockets) s.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  why(req, body) {
    const said = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/
      .exec(req.headers.authorization ?? '');
    if (!said) return 'no authorization that we know';
    const [, key, day, region, names, signature] = said;
    const date = req.headers['x-amz-date'] ?? '';
    if (key !== this.accessKey || region !== this.region || !date.startsWith(day)) return 'another key, region or day';
    const at = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    if (!(Math.abs(Date.now() - at) < 15 * 60e3)) return 'a clock that is off';
    if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every((n) => names.split(';').includes(n))) return 'headers not signed';
    if (req.headers['x-amz-content-sha256'] !== sha256(body)) return 'another body';
    const url = new URL(req.url, this.endpoint);
    const query = [...url.searchParams].map(([n, v]) => `${encode(n)}=${encode(v)}`).sort().join('&');
    const path = decodeURIComponent(url.pathname).split('/').map(encode).join('/');
    const headers = names.split(';').map((n) => `${n}:${(req.headers[n] ?? '').trim()}\n`).join('');
    const canonical = [req.method, path, query, headers, names, sha256(body)].join('\n');
    const toSign = ['AWS4-HMAC-SHA256', date, `${day}/${region}/s3/aws4_request`, sha256(canonical)].join('\n');
    const signing = [day, region, 's3', 'aws4_request'].reduce((k, text) => mac(k, text), `AWS4${this.secretKey}`);
    return mac(signing, toSign).toString('hex') === signature ? null : 'another signature';
  }

  serve(req, res) {
    const chunks = [];
    const url = new URL(req.url, this.endpoint);
    const prefix = `/${this.bucket}/`;
    const seen = { method: req.method, key: decodeURIComponent(url.pathname.slice(prefix.length)), query: url.search };
    const planned = this.plan(seen);
    if (planned === 'hang') return;
    req.on('data', (chunk) => {
      chunks.push(chunk);
      if (planned === 'cut') req.socket.destroy();
    });
    req.on('error', () => {});
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const why = this.why(req, body);
      if (why) this.forged.push(`${req.method} ${req.url}: ${why}`);
      const answer = planned === 'cut' ? null
        : planned ? [planned, { xml: `<Error><Code>Planned</Code></Error>` }]
          : why ? [403, { xml: '<Error><Code>SignatureDoesNotMatch</Code></Error>' }]
            : !url.pathname.startsWith(prefix) ? [404, { xml: '<Error><Code>NoSuchBucket</Code></Error>' }]
              : this.answer(req, seen.key, url.searchParams, body);
      if (!answer) { req.socket.destroy(); return; }
      const [status, { xml = '', headers = {} } = {}] = answer;
      this.requests.push({ ...seen, status, bytes: body.length });
      res.writeHead(status, { 'content-length': Buffer.byteLength(xml), ...headers });
      res.end(xml);
    });
  }

  answer(req, key, query, body) {
    const id = query.get('uploadId');
    const upload = id && this.uploads.get(id);
    if (id && (!upload || upload.key !== key)) return [404, { xml: '<?xml version="1.0"?>\n<Error><Code>NoSuchUpload</Code></Error>' }];
    if (req.method === 'POST' && query.has('uploads')) {
      const name = `id/${this.nextId++}+&x`; // to be encoded and escaped
      this.uploads.set(name, { key, type: req.headers['content-type'], parts: new Map() });
      return [200, { xml: `<?xml version="1.0"?><InitiateMultipartUploadResult><Key>k</Key><UploadId>${name.replace('&', '&amp;')}</UploadId></InitiateMultipartUploadResult>` }];
    }
    if (req.method === 'PUT') {
      const etag = `"${crypto.createHash('md5').update(body).digest('hex')}"`;
      if (upload) upload.parts.set(Number(query.get('partNumber')), { body, etag });
      else this.put(key, body, req.headers['content-type']);
      return [200, { headers: { ETag: etag } }];
    }
    if (req.method === 'POST' && upload) return this.complete(id, upload, body.toString());
    if (req.method === 'DELETE' && upload) { this.uploads.delete(id); return [204]; }
    if (req.method === 'HEAD' && this.objects.has(key)) return [200, { headers: { 'content-length': this.objects.get(key).length } }];
    return [404, { xml: '<Error><Code>NoSuchKey</Code></Error>' }];
  }

  put(key, body, type) { this.objects.set(key, body); this.types.set(key, type); }

  complete(id, upload, xml) {
    const said = [...xml.matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag><\/Part>/g)].map(([, n, etag]) => [Number(n), etag]);
    const parts = said.map(([n]) => upload.parts.get(n));
    const isRight = said.length && said.every(([n, etag], i) => n === i + 1 && parts[i]?.etag === etag)
      && parts.slice(0, -1).every((p) => p.body.length >= 5 * 1024 * 1024);
    if (!isRight) return [400, { xml: '<Error><Code>InvalidPart</Code></Error>' }];
    this.put(upload.key, Buffer.concat(parts.map((p) => p.body)), upload.type);
    this.uploads.delete(id);
    return [200, { xml: '<CompleteMultipartUploadResult/>' }];
  }
}
