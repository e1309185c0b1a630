'use strict';
/**
 * 警务综合平台 on npm's `soap`: `tsRyxx`, document/literal bare with unqualified elements, WS-Security digest.
 *
 * npm's server knows neither digests nor patterns: both are checked here, on the raw header and by the WSDL's schema.
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const soap = require('soap');
const { SoapFault, callHub, sendTransfer } = require('./lib/front.js');
const { digest } = require('./lib/journal.js');
const { Invalid, Schema } = require('./lib/schema.js');
const { parse, record, toArguments } = require('./lib/xml.js');

const TYPES = 'urn:ga:jzxt:types:v2';
const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
const DIGEST = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest';
const WSDL = path.join(__dirname, '..', 'contracts', 'PoliceExchange.wsdl');
/** How far a token's time may lie from real time, in milliseconds. */
const TOLERANCE = 5 * 60 * 1000;

/** A business fault: SOAP fault with `YwYc` in its detail, as the WSDL declares it. */
function businessFault(code, message) {
  const detail = { 'ns2:YwYc': { attributes: { 'xmlns:ns2': TYPES }, CWDM: code, CWXX: message } };
  return new SoapFault('业务异常', { detail });
}

/** The moment in Beijing as yyyyMMddHHmmss. */
function now14() {
  return new Date(Date.now() + 8 * 3600 * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
}

function create(options, journal) {
  const schema = new Schema(fs.readFileSync(WSDL, 'utf8'));
  const nonces = new Set(journal.entries.map((one) => one.nonce).filter(Boolean));
  const accepted = new Map();
  for (const one of journal.entries) if (one.outcome === 'accepted') accepted.set(one.key, one);

  /** WS-Security UsernameToken profile 1.0: Base64(SHA-1(nonce + created + password)). */
  function checkToken(call) {
    const refuse = (code, message) => {
      call.entry.outcome = 'refused';
      throw new SoapFault(message, { code, ns: WSSE });
    };
    const header = call.root.child('Header');
    const security = header && header.children.find((one) => one.name === 'Security' && one.ns === WSSE);
    const token = security && security.child('UsernameToken');
    if (!token) refuse('InvalidSecurity', '缺少 UsernameToken');
    const [user, password, nonce, created] = ['Username', 'Password', 'Nonce', 'Created'].map((name) => (token.value(name) || '').trim());
    if (token.child('Password')?.attribute('Type') !== DIGEST) refuse('UnsupportedSecurityToken', '口令应为 PasswordDigest');
    if (!nonce || !created) refuse('InvalidSecurity', '缺少 Nonce 或 Created');
    if (options.user !== undefined) {
      const bytes = Buffer.concat([Buffer.from(nonce, 'base64'), Buffer.from(created + options.password, 'utf8')]);
      const wanted = crypto.createHash('sha1').update(bytes).digest('base64');
      if (user !== options.user || password !== wanted) refuse('FailedAuthentication', '用户名或口令错误');
    }
    const skew = call.fault.fault === 'skew' ? 1000 * (call.fault.seconds ?? 600) : 0;
    const distance = Math.abs(Date.parse(created) - (Date.now() + skew));
    if (!(distance <= TOLERANCE)) refuse('MessageExpired', `Created 与服务器时间相差超过五分钟：${created}`);
    if (nonces.has(nonce)) refuse('InvalidSecurity', 'Nonce 已使用过');
    nonces.add(nonce);
    call.entry.nonce = nonce;
  }

  function understood(element) {
    const person = element.child('RYXX');
    const judged = element.child('JZXX');
    return {
      business_type: element.value('YWDM'), name: person.value('XM'), other_names: person.all('BMCH').map((one) => one.text),
      id_number: person.value('GMSFHM'), sex: person.value('XBDM'), birth_date: person.value('CSRQ'), ethnic_group: person.value('MZDM') ?? null,
      household_place: person.value('HJDXZQHDM'), residence_place: person.value('XZZXZQHDM'), residence: person.value('XZZXZ') ?? null,
      category: judged?.value('JZLBDM') ?? null, case: judged?.value('PJWSH') ?? null, court: judged?.value('PJJGDM') ?? null,
      offences: judged ? judged.all('ZMDM').map((one) => one.text) : [], correction_from: judged?.value('JZKSRQ') ?? null,
      correction_to: judged?.value('JZJSRQ') ?? null, bureau: judged?.value('JZJGDM') ?? null,
      search: element.value('XZQQ') ?? null, notice: element.value('TGXX') ?? null,
      documents: element.all('FJ').map((one) => {
        const content = Buffer.from(one.text, 'base64');
        return { title: one.attribute('mc'), size: content.length, sha256: crypto.createHash('sha256').update(content).digest('hex') };
      }),
    };
  }

  function tsRyxx(call) {
    checkToken(call);
    const key = call.body.value('XXID') ?? null;
    call.entry.key = key;
    const fault = (outcome, code, message) => {
      Object.assign(call.entry, { outcome, code, reason: message });
      return businessFault(code, message);
    };
    if (call.fault.fault === 'code') throw fault('refused', call.fault.code ?? 'CF01', call.fault.message ?? '数据项不合规');
    if (call.fault.fault === 'busy') throw fault('busy', 'CF09', '系统繁忙');
    try {
      schema.check(call.body);
    } catch (error) {
      if (error instanceof Invalid) throw fault('refused', 'CF01', `数据项不合规：${error.message}`);
      throw error;
    }
    const found = understood(call.body);
    Object.assign(call.entry, { digest: digest(found), record: found });
    const first = accepted.get(key);
    if (first && first.digest !== call.entry.digest) throw fault('refused', 'CF02', '信息编号重复且内容不一致');
    if (first) {
      Object.assign(call.entry, { outcome: 'duplicate', accepted_as: first.accepted_as, accepted_at: first.accepted_at });
      return { XXID: key, SLBH: first.accepted_as, SLSJ: first.accepted_at };
    }
    if (call.fault.fault === 'refuse') throw fault('refused', call.fault.code ?? 'CF07', call.fault.reason ?? '不予受理');
    const number = `GA${options.place}${String(accepted.size + 1).padStart(8, '0')}`;
    Object.assign(call.entry, { outcome: 'accepted', accepted_as: number, accepted_at: now14() });
    accepted.set(key, call.entry);
    return { XXID: key, SLBH: number, SLSJ: call.entry.accepted_at };
  }

  /** An XML text goes out as `tsRyxx` with a digest; anything else is said over HTTP with the agency's own credential. */
  async function send(wanted) {
    if (wanted.operation === 'receipt' || !/^\s*</.test(wanted.text)) return sendTransfer(options, wanted);
    const args = toArguments(record(parse(wanted.text)));
    const prepare = (client) => client.setSecurity(new soap.WSSecurity(options['hub-user'] ?? '', options['hub-password'] ?? '', {
      passwordType: 'PasswordDigest', hasNonce: true, hasTokenCreated: true, hasTimeStamp: false, mustUnderstand: true,
    }));
    const { status, answer, fault, body } = await callHub({ wsdl: WSDL, location: options.location, version: '1.1', operation: 'tsRyxx', args, prepare });
    return { status, answer: fault ? { fault } : answer, body };
  }

  return {
    path: '/jzxt/v2', wsdl: WSDL, service: 'PoliceExchange', ports: ['PoliceExchangePort'], versions: ['1.1'],
    operations: { TsRyxxQq: 'tsRyxx' }, methods: { tsRyxx }, secrets: ['Password'], send,
    faults: {
      busy: 'fault YwYc with code CF09, come again later',
      code: 'fault YwYc with this `code` and `message`, whatever was sent',
      skew: "this system's clock is wrong by `seconds` (default 600), so that tokens look too old",
    },
  };
}

module.exports = { create };
