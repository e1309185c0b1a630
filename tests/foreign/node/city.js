'use strict';
/**
 * 济宁司法社区矫正管理平台 on npm's `soap`: login ticket, attachments in chunks, asynchronous batches.
 *
 * It only receives. `--set polls=N` is how often `query` says 0 before a batch is done (default 1),
 * `--set ticket-seconds=N` and `--set ticket-calls=N` shorten a ticket's life.
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { SoapFault, sendTransfer } = require('./lib/front.js');
const { digest } = require('./lib/journal.js');
const { Invalid, Schema } = require('./lib/schema.js');
const { XSI } = require('./lib/xml.js');

const WSDL = path.join(__dirname, '..', 'contracts', 'CityPlatform.wsdl');
const TICKET_SECONDS = 20 * 60;
const TICKET_CALLS = 500;
const CHUNK = 512 * 1024;
const TERM = /^(?=.)([1-9]\d*年)?([1-9]\d*月)?([1-9]\d*日)?$/;
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/** A day that exists, yyyy-MM-dd. */
function isDate(text) {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);
}

/** GB 11643: eighteen characters, a birth date that exists, the check character (ISO 7064 MOD 11-2). */
function isIdNumber(text) {
  if (!/^[1-9]\d{16}[\dX]$/.test(text) || !isDate(text.slice(6, 14).replace(/(\d{4})(\d\d)/, '$1-$2-'))) return false;
  return '10X98765432'[WEIGHTS.reduce((sum, weight, at) => sum + weight * Number(text[at]), 0) % 11] === text[17];
}

/** What a row's field must be, and what is said when it is not. */
const CHECKS = [
  ['sqfxryxm', (text) => text.trim() !== '', '姓名为空'],
  ['sfzh', isIdNumber, '身份证号码校验不通过'],
  ['xb', (text) => ['男', '女'].includes(text), '性别应为男或女'],
  ['csny', isDate, '出生年月应为 yyyy-MM-dd'],
  ['jzlb', (text) => /^0[1-5]$/.test(text), '矫正类别代码不存在'],
  ['gtjzdqh', (text) => /^\d{6}$/.test(text), '固定居住地区划应为六位'],
  ['sfsbm', (text) => /^\d{9}001$/.test(text), '司法所编码应为九位区划加001'],
  ['pjjg', (text) => text.trim() !== '', '判决机关为空'],
  ['pjsxrq', isDate, '判决生效日期应为 yyyy-MM-dd'],
  ['ypxq', (text) => text.split('、').every((one) => TERM.test(one)), '原判刑期应为 N年N月N日'],
  ['jzqx', (text) => TERM.test(text), '矫正期限应为 N年N月N日'],
  ['jzqr', isDate, '矫正起日应为 yyyy-MM-dd'],
  ['jzzr', isDate, '矫正止日应为 yyyy-MM-dd'],
];

/** npm's server writes `xsi:nil` for null without declaring the prefix, so the declaration is given along. */
const NIL = { attributes: { 'xmlns:xsi': XSI, 'xsi:nil': 'true' } };

class Coded extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

function create(options, journal) {
  const schema = new Schema(fs.readFileSync(WSDL, 'utf8'));
  const folder = path.join(options.data, 'uploads');
  fs.mkdirSync(folder, { recursive: true });
  const limits = {
    seconds: Number(options.set['ticket-seconds'] ?? TICKET_SECONDS), calls: Number(options.set['ticket-calls'] ?? TICKET_CALLS),
    polls: Number(options.set.polls ?? 1),
  };
  const state = { ticket: null, uploads: new Map(), batches: new Map(), known: new Map(), messages: new Map() };

  /** The one place where an entry of the journal, old or new, changes the state. */
  function apply(entry) {
    if (entry.ticket_given) state.ticket = { digest: entry.ticket_given, from: Date.parse(entry.given_at), calls: 0 };
    if (entry.ticket_used && state.ticket) state.ticket.calls += 1;
    if (entry.ticket_died) state.ticket = null;
    if (entry.upload) state.uploads.set(entry.upload.id, entry.upload);
    if (entry.batch_no && entry.rows && !state.batches.has(entry.batch_no)) {
      state.batches.set(entry.batch_no, { rows: entry.rows, asked: 0 });
      for (const row of entry.rows) if (row.status === 0) state.known.set(row.sfzh, row.rybh);
      state.messages.set(entry.key, { digest: entry.digest, batchNo: entry.batch_no });
    }
    if (entry.waited) state.batches.get(entry.batch_no).asked += 1;
  }
  for (const entry of journal.entries) apply(entry);
  for (const upload of state.uploads.values()) fs.truncateSync(path.join(folder, upload.id), upload.received);

  /** Wraps an operation: schema first, then the answer's code instead of a fault; its entry changes the state at once. */
  function operation(outcome, empty, decide) {
    return (call) => {
      try {
        schema.check(call.body);
      } catch (error) {
        if (error instanceof Invalid) throw new SoapFault(`Could not read the request: ${error.message}`);
        throw error;
      }
      call.entry = { key: null, digest: null, record: {}, outcome };
      let answer;
      try {
        if (call.fault.fault === 'busy') throw new Coded(503, '系统繁忙');
        if (call.fault.fault === 'code') throw new Coded(Number(call.fault.code ?? 400), call.fault.message ?? '数据格式错误');
        answer = { ...decide(call.body, call), code: 0 };
      } catch (error) {
        if (!(error instanceof Coded)) throw error;
        Object.assign(call.entry, { outcome: error.code === 503 ? 'busy' : 'refused', code: error.code, reason: error.message });
        answer = { ...empty, ...error.answer, code: error.code, message: error.message };
      }
      apply(call.entry);
      return answer;
    };
  }

  function checkTicket(body, call) {
    if (call.fault.fault === 'expire') call.entry.ticket_died = true;
    const { ticket } = state;
    const alive = ticket && !call.entry.ticket_died && digest(body.value('ticket')) === ticket.digest
      && Date.now() - ticket.from <= 1000 * limits.seconds && ticket.calls < limits.calls;
    if (!alive) throw new Coded(401, '票据无效或已过期');
    call.entry.ticket_used = true;
  }

  const login = operation('login', { ticket: NIL }, (body, call) => {
    call.entry.record = { account: body.value('account') };
    const wanted = options.password === undefined ? undefined : crypto.createHash('md5').update(options.password, 'utf8').digest('hex');
    const right = options.user === undefined || (body.value('account') === options.user && body.value('md5Password') === wanted);
    if (!right) throw new Coded(403, '账号或密码错误');
    const ticket = crypto.randomBytes(16).toString('hex');
    Object.assign(call.entry, { ticket_given: digest(ticket), given_at: new Date().toISOString() });
    return { ticket };
  });

  const uploadChunk = operation('upload', { uploadId: NIL, received: 0 }, (body, call) => {
    checkTicket(body, call);
    const data = Buffer.from(body.value('data').replace(/\s/g, ''), 'base64');
    const offset = Number(body.value('offset'));
    const last = ['true', '1'].includes(body.value('last'));
    const id = body.value('uploadId') || `UP${crypto.randomBytes(8).toString('hex')}`;
    const known = state.uploads.get(id);
    const refuse = (code, message) => Object.assign(new Coded(code, message), { answer: { uploadId: known ? id : NIL, received: known ? known.received : 0 } });
    call.entry.record = { upload_id: id, offset, size: data.length, last };
    if (body.value('uploadId') && !known) throw refuse(404, '上传编号不存在');
    if (data.length > CHUNK) throw refuse(413, '分片超过512KB');
    const received = known ? known.received : 0;
    if (offset !== received || (known && known.complete)) throw refuse(416, `偏移量不符，已收到 ${received} 字节`);
    const handle = fs.openSync(path.join(folder, id), known ? 'r+' : 'w+');
    try {
      fs.writeSync(handle, data, 0, data.length, offset);
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
    const upload = { id, received: offset + data.length, complete: last };
    call.entry.upload = upload;
    return { uploadId: id, received: upload.received };
  });

  function fields(subject) {
    const found = {};
    for (const one of subject.children) {
      if (one.name === 'jzl') (found.jzl = found.jzl || []).push(one.text);
      else found[one.name] = one.text;
    }
    return found;
  }

  /** The platform's verdict on one person: 0 accepted with a number, 1 refused with a reason, 2 already known. */
  function judge(person, fault, fresh) {
    if (fault.fault === 'refuse') return { sfzh: person.sfzh, status: 1, reason: fault.reason ?? '不予接收' };
    const wrong = CHECKS.find(([name, allowed]) => person[name] !== undefined && !allowed(person[name]));
    if (wrong) return { sfzh: person.sfzh, status: 1, reason: `数据项不合规：${wrong[0]} ${wrong[2]}` };
    const number = state.known.get(person.sfzh) ?? fresh.get(person.sfzh);
    if (number || fault.fault === 'duplicate') return { sfzh: person.sfzh, status: 2, rybh: number ?? `JN${String(state.known.size + 1).padStart(8, '0')}` };
    const next = `JN${String(state.known.size + fresh.size + 1).padStart(8, '0')}`;
    fresh.set(person.sfzh, next);
    return { sfzh: person.sfzh, status: 0, rybh: next };
  }

  const submit = operation('accepted', { batchNo: NIL }, (body, call) => {
    checkTicket(body, call);
    const key = body.value('messageId');
    const persons = body.all('subject').map(fields);
    const documents = body.all('attachment').map((one) => {
      const id = one.value('uploadId');
      const upload = state.uploads.get(id);
      if (!upload || !upload.complete) throw new Coded(404, `附件未上传完毕：${id}`);
      const content = fs.readFileSync(path.join(folder, id));
      return { title: one.value('fileName'), type: one.value('fileType'), size: content.length, sha256: crypto.createHash('sha256').update(content).digest('hex') };
    });
    const found = { business_type: body.value('businessType'), from_unit: body.value('fromUnit'), persons, documents };
    const first = persons[0] || {};
    Object.assign(call.entry, { key, digest: digest(found), record: { name: first.sqfxryxm, id_number: first.sfzh, case: first.pjwsh, ...found } });
    if (found.business_type !== 'RJ') throw new Coded(400, `业务类型不存在：${found.business_type}`);
    if (!/^\d{6}$/.test(found.from_unit)) throw new Coded(400, `发送单位应为六位区划：${found.from_unit}`);
    const before = state.messages.get(key);
    if (before && before.digest !== call.entry.digest) throw new Coded(409, '消息编号重复且内容不一致');
    if (before) {
      Object.assign(call.entry, { outcome: 'duplicate', batch_no: before.batchNo });
      return { batchNo: before.batchNo };
    }
    const fresh = new Map();
    const rows = persons.map((person) => judge(person, call.fault, fresh));
    const batchNo = `PC${String(state.batches.size + 1).padStart(8, '0')}`;
    Object.assign(call.entry, { batch_no: batchNo, rows });
    return { batchNo };
  });

  const query = operation('query', { state: 0 }, (body, call) => {
    checkTicket(body, call);
    const batchNo = body.value('batchNo');
    const batch = state.batches.get(batchNo);
    call.entry.record = { batch_no: batchNo };
    if (!batch) throw new Coded(404, `批次号不存在：${batchNo}`);
    if (batch.asked < limits.polls || call.fault.fault === 'wait') {
      Object.assign(call.entry, { batch_no: batchNo, waited: true });
      return { state: 0 };
    }
    return { state: 1, row: batch.rows };
  });

  return {
    path: '/ws/CityPlatform', wsdl: WSDL, service: 'CityPlatform', ports: ['CityPlatformPort'], versions: ['1.1'],
    operations: { login: 'login', uploadChunk: 'uploadChunk', submit: 'submit', query: 'query' },
    methods: { login, uploadChunk, submit, query }, secrets: ['md5Password', 'ticket'], send: (wanted) => sendTransfer(options, wanted),
    faults: {
      busy: 'code 503 in a 200 answer', code: 'an answer with this `code` and `message`, whatever was sent',
      expire: 'the ticket dies: code 401 in a 200 answer', wait: 'the batch is still undecided: state 0',
      duplicate: 'the rows of the next batch are already known: status 2',
    },
    targets: { refuse: 'submit', duplicate: 'submit', wait: 'query' },
  };
}

module.exports = { create };
