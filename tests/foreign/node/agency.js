'use strict';
/** `node agency.js <court|police|city> --agency ID --port N --data DIR …`: one legacy system on npm's `soap`. */
const { parseArgs } = require('node:util');
const { Front } = require('./lib/front.js');
const { Journal } = require('./lib/journal.js');

const SYSTEMS = { court: () => require('./court.js'), police: () => require('./police.js'), city: () => require('./city.js') };

function options() {
  const text = { type: 'string' };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      agency: text, port: text, data: text, host: { type: 'string', default: '127.0.0.1' }, hub: text, user: text,
      password: text, 'hub-user': text, 'hub-password': text, soap: text, set: { type: 'string', multiple: true, default: [] },
    },
  });
  const port = Number(values.port);
  if (positionals.length !== 1 || !SYSTEMS[positionals[0]]) throw new Error(`name one system of ${Object.keys(SYSTEMS).join(', ')}`);
  if (!values.agency || !values.data || !Number.isInteger(port)) throw new Error('--agency, --port and --data are needed');
  if (values.soap !== undefined && !['1.1', '1.2'].includes(values.soap)) throw new Error('--soap is 1.1 or 1.2');
  const set = Object.fromEntries(values.set.map((one) => [one.split('=')[0], one.slice(one.indexOf('=') + 1)]));
  return [positionals[0], { ...values, port, set, place: (values.agency.split('.')[1] || '').slice(0, 6), location: values.hub && `${values.hub.replace(/\/$/, '')}/soap/${values.agency}` }];
}

async function main() {
  let name;
  let values;
  try {
    [name, values] = options();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return process.exit(2);
  }
  const journal = new Journal(values.data);
  const front = await new Front(name, values, SYSTEMS[name]().create(values, journal), journal).start();
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
  process.stdout.write(`${JSON.stringify({ ready: true, url: front.base + front.system.path, port: front.port })}\n`);
  return undefined;
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
