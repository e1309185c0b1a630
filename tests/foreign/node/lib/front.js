'use strict';
/**
 * The thin HTTP layer in front of npm's `soap` server, in the same process.
 *
 * It holds what that server cannot do: control addresses, armed faults, GB18030, the raw headers and namespaces, one
 * address for SOAP 1.1 and 1.2, and the journal. Envelopes of answers and of business faults are rendered by npm's
 * `soap`; only what it would answer with a stack trace (no XML, an unknown element) is rendered here.
 */
const crypto = require('node:crypto');
const http = require('node:http');
const fs = require('node:fs');
const soap = require('soap');
const { Faults } = require('./faults.js');
const { parse } = require('./xml.js');

const ENVELOPE = {
  'http://schemas.xmlsoap.org/soap/envelope/': '1.1',
  'http://www.w3.org/2003/05/soap-envelope': '1.2',
};
const PROXY_PAGE = '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>proxy</body></html>';
const LARGEST = 64 * 1024 * 1024;

/** A message as the journal keeps it: without passwords, and long base64 by its length and digest. */
function legible(text, secrets) {
  const masked = secrets.reduce((at, name) => at.replace(new RegExp(`(<(?:[\\w.-]+:)?${name}\\b[^>/]*>)[^<]*(</)`, 'g'), '$1***$2'), text);
  return masked.replace(/[A-Za-z0-9+/=]{2048,}/g, (run) => `[${run.length} characters, sha256 ${crypto.createHash('sha256').update(run).digest('hex')}]`);
}

/** What a system's operation throws to answer with a SOAP fault. `ns` is the code's namespace where it is not SOAP's own. */
class SoapFault extends Error {
  constructor(message, { code = 'Client', ns, detail } = {}) {
    super(message);
    this.code = code;
    this.ns = ns;
    this.detail = detail;
  }

  /** The object that npm's server renders as a fault of this SOAP version. */
  rendered(version) {
    if (version === '1.1') {
      const faultcode = this.ns ? { attributes: { 'xmlns:ns1': this.ns }, $value: `ns1:${this.code}` } : `soap:${this.code}`;
      return { Fault: { faultcode, faultstring: this.message, ...(this.detail && { detail: this.detail }), statusCode: 500 } };
    }
    const code = this.code === 'Server' ? 'Receiver' : 'Sender';
    const reason = { attributes: { 'xml:lang': 'zh-CN' }, $value: this.message };
    return { Fault: { Code: { Value: `soap:${code}` }, Reason: { Text: reason }, statusCode: code === 'Sender' ? 400 : 500 } };
  }
}

function escape(text) {
  return text.replace(/[&<>]/g, (found) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[found]);
}

/** Text of a request: by the charset of its header, else by its declaration; GB2312 and GBK are read as GB18030. */
function decode(bytes, contentType) {
  const declared = /^(?:\xEF\xBB\xBF)?<\?xml[^>]*encoding=["']([\w-]+)["']/i.exec(bytes.subarray(0, 200).toString('latin1'));
  const charset = /charset="?([\w-]+)/i.exec(contentType || '');
  const named = ((charset || declared || [])[1] || 'utf-8').toLowerCase();
  const encoding = named.startsWith('gb') ? 'gb18030' : named;
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

function readBody(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size > LARGEST) reject(new RangeError('the request is too large'));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

class Front {
  /**
   * @param system what is simulated: `path`, `wsdl` (file), `service`, `ports` ({version: port name}), `versions`,
   *   `operations` ({body element: operation}), `methods(call)` (functions by operation, each takes the call and gives
   *   the answer's object), `faults`, `send(wanted)`; see court.js
   */
  constructor(name, options, system, journal) {
    this.name = name;
    this.options = options;
    this.system = system;
    this.journal = journal;
    this.faults = new Faults(system.faults, system.targets);
    this.calls = new WeakMap();
    this.servers = {};
    this.wsdl = fs.readFileSync(system.wsdl, 'utf8');
  }

  async start() {
    for (const version of this.system.versions) this.servers[version] = await this.soapServer(version);
    this.http = http.createServer((request, response) => {
      this.answer(request, response).catch((error) => {
        process.stderr.write(`${error.stack}\n`);
        if (!response.headersSent) this.json(response, 500, { error: error.message });
        else response.destroy();
      });
    });
    this.http.keepAliveTimeout = 65000;
    await new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(this.options.port, this.options.host, resolve);
    });
    this.port = this.http.address().port;
    this.base = `http://${this.options.host}:${this.port}`;
    return this;
  }

  /** npm's server for one SOAP version, fed through `processRequest`. */
  soapServer(version) {
    const bound = {};
    for (const [operation, method] of Object.entries(this.system.methods)) {
      bound[operation] = (args, callback, headers, request) => {
        const call = this.calls.get(request.headers);
        try {
          return method(call, args);
        } catch (error) {
          if (!(error instanceof SoapFault)) throw error;
          call.entry = { outcome: 'fault', digest: null, reason: error.message, ...call.entry };
          throw error.rendered(version);
        }
      };
    }
    const services = { [this.system.service]: Object.fromEntries(this.system.ports.map((port) => [port, bound])) };
    return new Promise((resolve, reject) => {
      soap.listen(http.createServer(), {
        path: this.system.path, services, xml: this.wsdl, forceSoap12Headers: version === '1.2', suppressStack: true,
        callback: (error, server) => (error ? reject(error) : resolve(server)),
      });
    });
  }

  json(response, status, value) {
    const body = Buffer.from(JSON.stringify(value), 'utf8');
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.length });
    response.end(body);
  }

  async answer(request, response) {
    const url = new URL(request.url, 'http://local');
    if (url.pathname.startsWith('/_sim/')) return this.control(url.pathname.slice(6), url.searchParams, request, response);
    if (url.pathname !== this.system.path) {
      response.writeHead(404).end();
      return undefined;
    }
    if (request.method === 'GET') {
      const text = this.wsdl.replace(/(<soap:address location=")[^"]*/g, `$1${this.base}${this.system.path}`);
      response.writeHead(200, { 'Content-Type': 'text/xml; charset=utf-8' }).end(text);
      return undefined;
    }
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return undefined;
    }
    return this.serve(request, response);
  }

  async control(what, query, request, response) {
    const route = `${request.method} ${what}`;
    if (route === 'GET health') {
      return this.json(response, 200, { system: this.name, agency: this.options.agency, url: this.base + this.system.path });
    }
    if (route === 'GET journal') return this.json(response, 200, { entries: this.journal.entries.slice(Number(query.get('after') || 0)) });
    if (route === 'GET faults') return this.json(response, 200, this.faults.listed());
    if (route === 'DELETE faults') {
      this.faults.clear();
      return this.json(response, 200, this.faults.listed());
    }
    if (route !== 'POST faults' && route !== 'POST send') return this.json(response, 404, { error: 'no such control address' });
    try {
      const wanted = JSON.parse((await readBody(request)).toString('utf8'));
      if (what === 'send') return this.json(response, 200, await this.system.send(wanted));
      this.faults.arm(wanted);
      return this.json(response, 201, this.faults.listed());
    } catch (error) {
      const nothing = error.status === 502 ? { status: null, answer: null, body: '' } : {};
      return this.json(response, error.status || 400, { ...nothing, error: error.message });
    }
  }

  async serve(request, response) {
    const contentType = request.headers['content-type'] || '';
    const bytes = await readBody(request);
    let call;
    try {
      const text = decode(bytes, contentType);
      call = this.call(request, contentType, text, parse(text));
    } catch (error) {
      call = { request: bytes.toString('utf8'), operation: null, entry: {}, version: contentType.includes('application/soap+xml') ? '1.2' : '1.1' };
      call.refusal = new SoapFault(`无法解析的报文：${error.message}`);
    }
    const fault = (call.fault = this.faults.take(call.operation));
    if (fault.fault === 'down') return void request.socket.destroy();
    let answer;
    if (fault.fault === 'http-500') answer = { status: 500, type: 'text/plain', body: 'Internal Server Error' };
    else if (fault.fault === 'html') answer = { status: 200, type: 'text/html; charset=utf-8', body: PROXY_PAGE };
    else answer = call.refusal ? this.refused(call) : await this.process(call, request);
    const secrets = this.system.secrets || [];
    this.journal.append({
      operation: call.operation, key: null, outcome: 'fault', digest: null, record: {}, ...call.entry, version: call.version,
      request: legible(call.request, secrets), answer: legible(answer.body, secrets), status: answer.status,
      ...(fault.fault && { fault: fault.fault }),
    });
    if (fault.fault === 'slow') await new Promise((resolve) => setTimeout(resolve, 1000 * (fault.seconds ?? 5)));
    return this.reply(request, response, fault.fault, answer);
  }

  /** A request taken apart far enough to know its version and operation. */
  call(request, contentType, text, root) {
    const version = ENVELOPE[root.ns];
    const call = { request: text, root, version, headers: request.headers, contentType, entry: {}, operation: null };
    const body = version && root.child('Body');
    call.body = body && body.children[0];
    call.operation = (call.body && this.system.operations[call.body.name]) || null;
    if (!version || root.name !== 'Envelope' || !this.servers[version]) {
      call.refusal = new SoapFault('不支持的 SOAP 版本', { code: 'VersionMismatch' });
      call.version = this.system.versions[0];
    } else if (!call.operation) call.refusal = new SoapFault(`未知的操作：${call.body ? call.body.name : ''}`);
    else if (!this.matches(version, contentType)) call.refusal = new SoapFault(`Content-Type 与报文不符：${contentType}`);
    return call;
  }

  matches(version, contentType) {
    return contentType.toLowerCase().startsWith(version === '1.2' ? 'application/soap+xml' : 'text/xml');
  }

  /** Let npm's server answer. It routes by the body's element, so the SOAPAction is kept from it: the system checks it. */
  async process(call, request) {
    const type = call.contentType.replace(/charset="?[\w-]+"?/i, 'charset=utf-8');
    const headers = { ...request.headers, 'content-type': type };
    delete headers.soapaction;
    this.calls.set(headers, call);
    const text = call.request.replace(/^\uFEFF/, '').replace(/^<\?xml[^>]*\?>/, '');
    const { body, statusCode, headers: answered } = await this.servers[call.version].processRequest(text, { headers, url: this.system.path });
    return { body, status: statusCode, type: answered['content-type'] };
  }

  refused(call) {
    const text = escape(call.refusal.message);
    call.entry = { reason: call.refusal.message };
    const inside = call.version === '1.2'
      ? `<soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="zh-CN">${text}</soap:Text></soap:Reason>`
      : `<faultcode>soap:${call.refusal.code}</faultcode><faultstring>${text}</faultstring>`;
    const ns = Object.keys(ENVELOPE).find((one) => ENVELOPE[one] === call.version);
    const body = `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="${ns}"><soap:Body><soap:Fault>${inside}</soap:Fault></soap:Body></soap:Envelope>`;
    return { body, status: 500, type: call.version === '1.2' ? 'application/soap+xml; charset=utf-8' : 'text/xml; charset=utf-8' };
  }

  reply(request, response, fault, answer) {
    if (fault === 'lost-answer') return void request.socket.destroy();
    const body = Buffer.from(answer.body, 'utf8');
    response.writeHead(answer.status, { 'Content-Type': answer.type, 'Content-Length': body.length });
    if (fault !== 'half') return void response.end(body);
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => request.socket.destroy());
    return undefined;
  }
}

/** Call the hub with npm's client: what came back, taken apart. `prepare(client)` sets headers and security. */
async function callHub({ wsdl, location, version, operation, args, prepare }) {
  if (!location) throw new Error('started without --hub');
  const client = await soap.createClientAsync(wsdl, { endpoint: location, forceSoap12Headers: version === '1.2', handleNilAsNull: true });
  prepare(client);
  let status = null;
  client.on('response', (body, response) => {
    status = response ? response.status : null;
  });
  return new Promise((resolve, reject) => {
    client[operation](args, (error, result, raw) => {
      const body = typeof raw === 'string' ? raw : error && typeof error.body === 'string' ? error.body : '';
      if (!error) resolve({ status, answer: result, body });
      else if (status === null) reject(Object.assign(new Error(`${location}: ${error.message}`), { status: 502 }));
      else resolve({ status, fault: faultOf(body, error), body });
    });
  });
}

/**
 * What an agency says whose contract has nothing to send: over the hub's HTTP contract, with its own credential.
 * `{"text": JSON of POST /v1/transfers, "key"}`, or `{"operation": "receipt", "delivery", "outcome", "reason"}`.
 */
async function sendTransfer(options, wanted) {
  const { hub, 'hub-user': user, 'hub-password': password } = options;
  if (!hub || !user || !password) throw Object.assign(new Error('started without --hub, --hub-user and --hub-password'), { status: 400 });
  const receipt = wanted.operation === 'receipt';
  const body = receipt ? JSON.stringify({ outcome: wanted.outcome, reason: wanted.reason }) : wanted.text;
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: user, client_secret: password });
  try {
    const granted = await fetch(new URL('/oauth/token', hub), { method: 'POST', body: form });
    if (!granted.ok) return { status: granted.status, answer: null, body: await granted.text() };
    const headers = { Authorization: `Bearer ${(await granted.json()).access_token}`, 'Content-Type': 'application/json' };
    if (!receipt) headers['Idempotency-Key'] = String(wanted.key);
    const path = receipt ? `/v1/deliveries/${encodeURIComponent(wanted.delivery)}/receipt` : '/v1/transfers';
    const answer = await fetch(new URL(path, hub), { method: 'POST', headers, body });
    const text = await answer.text();
    return { status: answer.status, answer: (answer.headers.get('content-type') || '').includes('json') ? JSON.parse(text) : null, body: text };
  } catch (error) {
    throw Object.assign(new Error(`${hub}: ${error.cause ? error.cause.message : error.message}`), { status: 502 });
  }
}

/** A fault of either version, taken apart; where there is none, what npm's client complained of. */
function faultOf(body, error) {
  try {
    if (!body) return { code: null, message: error.message };
    const root = parse(body);
    const found = root.child('Body').child('Fault');
    const text = (node, ...names) => names.reduce((at, name) => at && at.child(name), node)?.text;
    const short = (code) => (code === undefined ? null : code.split(':').pop());
    if (root.ns.includes('2003')) return { code: short(text(found, 'Code', 'Value')), message: text(found, 'Reason', 'Text') };
    const detail = found.child('detail');
    const taken = detail && detail.children[0] && Object.fromEntries(detail.children[0].children.map((one) => [one.name, one.text]));
    return { code: short(text(found, 'faultcode')), message: text(found, 'faultstring'), ...(taken && { detail: taken }) };
  } catch (unreadable) {
    return { code: null, message: `${error.message}; ${unreadable.message}` };
  }
}

module.exports = { Front, SoapFault, callHub, sendTransfer };
