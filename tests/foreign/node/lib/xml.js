'use strict';
/**
 * Reads XML into a plain tree, and a tree into the objects that npm's `soap` takes as arguments.
 *
 * npm's own reader forgets namespaces and the order of elements, which the habits of these systems depend on.
 */
const sax = require('sax');

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

/** One element: its name, namespace ('' is none), attributes without namespace declarations, children and own text. */
class Node {
  constructor(tag) {
    this.name = tag.local;
    this.ns = tag.uri;
    this.children = [];
    this.text = '';
    this.attributes = Object.values(tag.attributes)
      .filter((found) => found.prefix !== 'xmlns' && found.name !== 'xmlns')
      .map((found) => ({ ns: found.prefix ? found.uri : '', name: found.local, value: found.value }));
  }

  attribute(name, ns = '') {
    const found = this.attributes.find((one) => one.name === name && one.ns === ns);
    return found === undefined ? undefined : found.value;
  }

  get nil() {
    return ['true', '1'].includes(this.attribute('nil', XSI));
  }

  child(name) {
    return this.children.find((one) => one.name === name);
  }

  all(name) {
    return this.children.filter((one) => one.name === name);
  }

  /** The text of a child, or undefined where there is none or it is nil. */
  value(name) {
    const found = this.child(name);
    return found === undefined || found.nil ? undefined : found.text;
  }
}

/** Parse a document; throws an Error for what is not well formed, and for any document type. */
function parse(text) {
  const parser = sax.parser(true, { xmlns: true });
  const stack = [];
  let root = null;
  parser.onerror = (error) => {
    throw new Error(error.message.replace(/\n/g, ' '));
  };
  parser.ondoctype = () => {
    throw new Error('a document type is not allowed');
  };
  parser.onopentag = (tag) => {
    const node = new Node(tag);
    if (stack.length) stack[stack.length - 1].children.push(node);
    else root = node;
    stack.push(node);
  };
  parser.ontext = (found) => {
    if (stack.length) stack[stack.length - 1].text += found;
  };
  parser.oncdata = parser.ontext;
  parser.onclosetag = () => stack.pop();
  parser.write(text.replace(/^\uFEFF/, '')).close();
  if (root === null) throw new Error('no element');
  return root;
}

/** The record inside a text that may be a whole envelope: the first element of its Body, or the root itself. */
function record(root) {
  if (root.name !== 'Envelope') return root;
  const body = root.child('Body');
  if (!body || !body.children.length) throw new Error('the envelope has no body');
  return body.children[0];
}

/** The argument object that npm's `soap` writes as this element's content; `convert` may change a leaf's text. */
function toArguments(node, convert = (name, text) => text) {
  if (node.nil) return null;
  const attributes = node.attributes.filter((one) => one.ns !== XSI);
  if (!node.children.length) {
    const value = convert(node.name, node.text);
    if (!attributes.length) return value;
    return { attributes: Object.fromEntries(attributes.map((one) => [one.name, one.value])), $value: value };
  }
  const found = {};
  for (const child of node.children) {
    const value = toArguments(child, convert);
    if (!(child.name in found)) found[child.name] = value;
    else if (Array.isArray(found[child.name])) found[child.name].push(value);
    else found[child.name] = [found[child.name], value];
  }
  return found;
}

module.exports = { XSI, Node, parse, record, toArguments };
