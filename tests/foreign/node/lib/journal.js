'use strict';
/** What a simulated system has received and answered: JSON Lines, synced before the answer goes out. */
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

/** JSON with sorted keys, so that the same record always has the same digest. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

const digest = (value) => crypto.createHash('sha256').update(canonical(value)).digest('hex');

class Journal {
  /** Opens DIR/journal.jsonl; a last line that a crash cut short is dropped, for its answer never went out. */
  constructor(folder) {
    fs.mkdirSync(folder, { recursive: true });
    this.file = path.join(folder, 'journal.jsonl');
    const kept = fs.existsSync(this.file) ? fs.readFileSync(this.file) : Buffer.alloc(0);
    const end = kept.lastIndexOf(10) + 1;
    this.entries = kept.subarray(0, end).toString('utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
    this.handle = fs.openSync(this.file, 'a');
    if (end < kept.length) fs.ftruncateSync(this.handle, end);
  }

  append(entry) {
    const whole = { n: this.entries.length + 1, at: new Date().toISOString(), ...entry };
    fs.writeSync(this.handle, `${JSON.stringify(whole)}\n`);
    fs.fsyncSync(this.handle);
    this.entries.push(whole);
    return whole;
  }
}

module.exports = { Journal, canonical, digest };
