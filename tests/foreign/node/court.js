'use strict';
/**
 * 审判管理系统 on npm's `soap`: serves `ReceiveReply`, sends `SubmitExecution`, SOAP 1.1 and 1.2.
 *
 * `--soap 1.1|1.2` leaves one version out; without it both answer on one address, each through a server of its own.
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { SoapFault, callHub } = require('./lib/front.js');
const { digest } = require('./lib/journal.js');
const { Invalid, Schema } = require('./lib/schema.js');
const { parse, record, toArguments } = require('./lib/xml.js');

const NS = 'http://tempuri.org/';
const WSDL = path.join(__dirname, '..', 'contracts', 'CourtCaseService.wsdl');
const REPLY_KINDS = ['回执', '退回', '报到', '未报到', '评估意见'];
/** A reply's text begins with the person: 姓名(证件号码)： */
const PERSON = /^([^(（]+)[(（]([^)）]*)[)）][：:]/;

function create(options, journal) {
  const schema = new Schema(fs.readFileSync(WSDL, 'utf8'));
  let replies = journal.entries.filter((one) => one.outcome === 'accepted').length;

  /** .asmx finds its method by the action alone, and compares it with its quotes. */
  function checkAction(call) {
    let action = call.headers.soapaction;
    if (call.version === '1.2') action = (/;\s*action=("[^"]*"|[^;\s]*)/.exec(call.contentType) || [])[1];
    if (action === undefined) throw new SoapFault('无法处理没有有效操作参数的请求。请提供有效的 SOAP 操作。');
    if (action !== `"${NS}${call.operation}"`) throw new SoapFault(`服务器未能识别 HTTP 头 SOAPAction 的值：${action}。`);
  }

  function checkLogin(call) {
    const header = call.root.child('Header');
    const found = header && header.children.find((one) => one.name === 'AuthHeader' && one.ns === NS);
    const given = found ? [found.value('UserName'), found.value('Password')] : [];
    if (options.user === undefined && found) return;
    if (given[0] === options.user && given[1] === options.password && found) return;
    call.entry.outcome = 'refused';
    throw new SoapFault('身份验证失败：用户名或密码错误');
  }

  function understood(element) {
    const text = element.value('Text');
    const person = PERSON.exec(text || '') || [];
    const documents = element.child('Documents');
    return {
      notice_id: element.value('NoticeId'), reply_kind: element.value('ReplyKind'), reply_date: element.value('ReplyDate'),
      agency: element.value('Agency') ?? null, text: text ?? null, name: person[1] ?? null, id_number: person[2] ?? null,
      documents: (documents ? documents.all('Document') : []).map((one) => {
        const content = Buffer.from(one.value('Content') || '', 'base64');
        return { title: one.value('Title'), size: content.length, sha256: crypto.createHash('sha256').update(content).digest('hex') };
      }),
    };
  }

  function receiveReply(call) {
    checkAction(call);
    checkLogin(call);
    try {
      schema.check(call.body);
    } catch (error) {
      if (error instanceof Invalid) throw new SoapFault(`服务器无法读取请求。 ---> ${error.message}`);
      throw error;
    }
    if (call.fault.fault === 'server-fault') throw new SoapFault('服务器无法处理请求。 ---> 未将对象引用设置到对象的实例。', { code: 'Server' });
    const found = understood(call.body);
    call.entry = { key: null, digest: digest(found), record: found };
    let refused = null;
    if (call.fault.fault === 'refuse') refused = call.fault.reason ?? '不予接收';
    else if (!REPLY_KINDS.includes(found.reply_kind)) refused = `ReplyKind 无效：${found.reply_kind}，应为${REPLY_KINDS.join('、')}`;
    else if (!found.notice_id.trim()) refused = 'NoticeId 不能为空';
    if (refused !== null) {
      Object.assign(call.entry, { outcome: 'refused', reason: refused });
      return { ReceiveReplyResult: { Success: false, Error: refused } };
    }
    replies += 1;
    const number = `SF${String(replies).padStart(8, '0')}`;
    Object.assign(call.entry, { outcome: 'accepted', receipt_no: number });
    return { ReceiveReplyResult: { Success: true, ReceiptNo: number } };
  }

  /**
   * `text` is an envelope or the body's element. `dates: "Date"` writes times as npm does when it is
   * given JavaScript's Date: in UTC with milliseconds (Beijing time is meant where the text names no zone).
   */
  async function send(wanted) {
    const version = wanted.version || options.soap || '1.1';
    if (!['1.1', '1.2'].includes(version)) throw new RangeError('version is 1.1 or 1.2');
    const operation = wanted.operation || 'SubmitExecution';
    const utc = (name, text) => {
      if (!/Date$/.test(name) || !text.includes('T')) return text;
      return new Date(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}+08:00`).toISOString();
    };
    const args = toArguments(record(parse(wanted.text)), wanted.dates === 'Date' ? utc : undefined);
    const prepare = (client) => client.addSoapHeader({
      AuthHeader: { attributes: { xmlns: NS }, UserName: options['hub-user'] ?? '', Password: options['hub-password'] ?? '' },
    });
    const { status, answer, fault, body } = await callHub({ wsdl: WSDL, location: options.location, version, operation, args, prepare });
    if (fault) return { status, answer: { success: false, receipt_no: null, error: fault.message, fault }, body };
    const result = (answer && answer[`${operation}Result`]) || {};
    const success = [true, 'true', '1'].includes(result.Success);
    return { status, answer: { success, receipt_no: result.ReceiptNo ?? null, error: result.Error ?? null }, body };
  }

  return {
    path: '/CourtCaseService.asmx', wsdl: WSDL, service: 'CourtCaseService', ports: ['CourtCaseServiceSoap', 'CourtCaseServiceSoap12'],
    versions: options.soap ? [options.soap] : ['1.1', '1.2'], operations: { ReceiveReply: 'ReceiveReply' },
    methods: { ReceiveReply: receiveReply }, secrets: ['Password'], send,
    faults: { 'server-fault': 'an unhandled exception of the application: a fault soap:Server; nothing is kept' },
  };
}

module.exports = { create };
