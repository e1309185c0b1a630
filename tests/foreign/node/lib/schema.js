'use strict';
/**
 * Checks a body element against the schema inside a WSDL: order, namespaces, occurrence, nil, patterns, enumerations.
 *
 * npm's `soap` takes whatever comes; the stacks it stands for do not. Only what the four contracts use is known here;
 * anything else in a schema is an error when the program starts, not a check that silently passes.
 */
const { parse } = require('./xml.js');

const XS = 'http://www.w3.org/2001/XMLSchema';
const BUILT_IN = {
  string: /^[^]*$/,
  int: /^[+-]?\d{1,10}$/,
  long: /^[+-]?\d{1,19}$/,
  boolean: /^(true|false|1|0)$/,
  decimal: /^[+-]?(\d+(\.\d*)?|\.\d+)$/,
  date: /^\d{4}-\d{2}-\d{2}(Z|[+-]\d{2}:\d{2})?$/,
  dateTime: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?$/,
  base64Binary: /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
};

/** What is wrong with a record: where (a path of names), which value, and in words. */
class Invalid extends Error {
  constructor(path, value, message) {
    super(`${path}: ${message}`);
    this.path = path;
    this.value = value;
  }
}

const local = (name) => name.split(':').pop();

class Schema {
  /** Reads the one `xs:schema` of a WSDL text. */
  constructor(wsdl) {
    const types = parse(wsdl).child('types');
    this.root = types.children.find((one) => one.ns === XS && one.name === 'schema');
    this.ns = this.root.attribute('targetNamespace');
    this.localNs = this.root.attribute('elementFormDefault') === 'qualified' ? this.ns : '';
    this.named = new Map(this.root.children.map((one) => [`${one.name} ${one.attribute('name')}`, one]));
  }

  /** Throws `Invalid` for the first thing in the element that the schema does not allow. */
  check(node) {
    const declared = node.ns === this.ns && this.named.get(`element ${node.name}`);
    if (!declared) throw new Invalid(node.name, node.ns, `no such element in namespace "${node.ns}"`);
    this.element(declared, node, node.name);
  }

  element(declared, node, path) {
    if (node.nil) {
      if (declared.attribute('nillable') !== 'true') throw new Invalid(path, 'nil', 'may not be nil');
      return;
    }
    this.type(declared, node, path);
  }

  /** The type of an element is named by its attribute or stands inside it. */
  type(declared, node, path) {
    const named = declared.attribute('type');
    if (named !== undefined) {
      const own = this.named.get(`complexType ${local(named)}`) || this.named.get(`simpleType ${local(named)}`);
      if (own && !named.match(/^(xs|s):/)) return own.name === 'complexType' ? this.complex(own, node, path) : this.simple(own, node, path);
      return this.builtIn(named, node, path);
    }
    const complex = declared.child('complexType');
    return complex ? this.complex(complex, node, path) : this.simple(declared.child('simpleType'), node, path);
  }

  builtIn(named, node, path) {
    const pattern = BUILT_IN[local(named)];
    if (!pattern) throw new Error(`type ${named} is not known here`);
    if (node.children.length) throw new Invalid(path, node.children[0].name, 'holds text only');
    const text = local(named) === 'string' ? node.text : node.text.replace(/\s+/g, '');
    if (!pattern.test(text)) throw new Invalid(path, node.text, `is no ${local(named)}`);
  }

  simple(declared, node, path) {
    const restriction = declared.child('restriction');
    this.builtIn(restriction.attribute('base'), node, path);
    const allowed = restriction.all('enumeration').map((one) => one.attribute('value'));
    if (allowed.length && !allowed.includes(node.text)) throw new Invalid(path, node.text, `is none of ${allowed.join(', ')}`);
    for (const pattern of restriction.all('pattern')) {
      const source = pattern.attribute('value');
      if (!new RegExp(`^(?:${source})$`, 'u').test(node.text)) throw new Invalid(path, node.text, `does not fit ${source}`);
    }
  }

  complex(declared, node, path) {
    const content = declared.child('simpleContent');
    if (content) {
      const extension = content.child('extension');
      this.builtIn(extension.attribute('base'), node, path);
      this.attributes(extension, node, path);
      return;
    }
    if (node.text.trim()) throw new Invalid(path, node.text.trim(), 'text between elements');
    this.attributes(declared, node, path);
    const left = [...node.children];
    this.sequence(declared.child('sequence'), left, path);
    if (left.length) throw new Invalid(`${path}/${left[0].name}`, left[0].ns, 'not expected here');
  }

  attributes(declared, node, path) {
    const known = declared.all('attribute');
    for (const attribute of known) {
      const name = attribute.attribute('name');
      if (attribute.attribute('use') === 'required' && node.attribute(name) === undefined) throw new Invalid(`${path}/@${name}`, '', 'is missing');
    }
    if (declared.child('anyAttribute')) return;
    for (const found of node.attributes.filter((one) => one.ns === '')) {
      if (!known.some((one) => one.attribute('name') === found.name)) throw new Invalid(`${path}/@${found.name}`, found.value, 'not expected');
    }
  }

  /** Takes from the front of `left` what the particles allow, in their order. */
  sequence(declared, left, path) {
    for (const particle of declared.children) {
      if (particle.name === 'element') this.particle(particle, left, path);
      else if (particle.name === 'choice') {
        const chosen = particle.all('element').find((one) => this.fits(one, left[0]));
        if (chosen) this.particle(chosen, left, path);
        else if (particle.attribute('minOccurs') !== '0') throw new Invalid(path, '', 'none of the choice is there');
      } else throw new Error(`xs:${particle.name} is not known here`);
    }
  }

  fits(declared, node) {
    return node !== undefined && node.name === declared.attribute('name') && node.ns === this.localNs;
  }

  particle(declared, left, path) {
    const most = declared.attribute('maxOccurs') === 'unbounded' ? Infinity : Number(declared.attribute('maxOccurs') ?? 1);
    const least = Number(declared.attribute('minOccurs') ?? 1);
    const here = `${path}/${declared.attribute('name')}`;
    let count = 0;
    while (count < most && this.fits(declared, left[0])) {
      this.element(declared, left.shift(), here);
      count += 1;
    }
    if (count < least) {
      const next = left[0] ? `"${left[0].name}" of namespace "${left[0].ns}" comes instead` : 'the element ends before it';
      throw new Invalid(here, '', `is missing: ${next}`);
    }
  }
}

module.exports = { Invalid, Schema };
