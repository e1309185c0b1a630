'use strict';
/** The faults that a test arms: what goes wrong with the next calls. */
const COMMON = {
  down: 'the connection is closed unanswered, nothing is recorded',
  half: 'the call is recorded, the answer breaks off half-way',
  'lost-answer': 'the call is recorded, the connection is closed without an answer',
  slow: 'the call is recorded, the answer comes after `seconds` (default 5)',
  'http-500': 'an error page with status 500; the call was not processed',
  html: "a proxy's HTML page with status 200; the call was not processed",
  refuse: 'a business refusal with `reason`',
};

class Faults {
  /** `own` names a system's own faults, `targets` the operation that a fault means unless the order says otherwise. */
  constructor(own = {}, targets = {}) {
    this.known = { ...COMMON, ...own };
    this.targets = targets;
    this.armed = [];
  }

  listed() {
    return { armed: this.armed, known: this.known };
  }

  arm(wanted) {
    if (!wanted || !Object.hasOwn(this.known, wanted.fault)) throw new RangeError(`fault is one of ${Object.keys(this.known).join(', ')}`);
    const times = wanted.times ?? 1;
    if (!Number.isInteger(times) || times === 0 || times < -1) throw new RangeError('times is a whole number above 0, or -1');
    this.armed.push({ operation: this.targets[wanted.fault] ?? null, ...wanted, times });
  }

  clear() {
    this.armed = [];
  }

  /** The fault for this call, if one is armed for its operation, counted down. */
  take(operation) {
    const found = this.armed.find((one) => one.operation === null || one.operation === operation);
    if (!found) return {};
    if (found.times > 0) found.times -= 1;
    this.armed = this.armed.filter((one) => one.times !== 0);
    return found;
  }
}

module.exports = { Faults };
