import { expect, test } from 'vitest';
import type { RunningNode } from '../../src/node/node.ts';
import { welcome } from '../../src/node/run.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

const DEMO = {
  name: 'demo',
  domain: 'demo.example.com',
  extensions: [{ number: '101', name: 'Alice', password: 'p' }],
};

function told(tenants: readonly object[], settings: object = {}, configFile?: string): string[] {
  const node = {
    settings: nodeSchema.parse({ listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }], ...settings }),
    listening: [{ id: 'udp', transport: 'udp', host: '127.0.0.1', port: 5060 }],
    apiAddress: 'http://127.0.0.1:8080',
    firstToken: undefined,
    provisioner: { directory: new Directory(provisioningSchema.parse({ tenants, trunks: [], certificates: [] })) },
  };
  return welcome(node as unknown as RunningNode, configFile).split('\n');
}

test('the welcome says where SIP, the console and the reference are, and what to ask of the demo', () => {
  const lines = told([DEMO]);
  expect(lines).toContain('  SIP  udp  127.0.0.1:5060');
  expect(lines).toContain('  console   http://127.0.0.1:8080/console');
  expect(lines).toContain('  API       http://127.0.0.1:8080/docs');
  expect(lines).toContain('Try next:  npx tandem explain --tenant demo --from 101 --to 914155551212');
});

test('on an address that others reach there is no reference to name', () => {
  const lines = told([], { api: { host: '0.0.0.0', port: 8080 } });
  expect(lines).toContain('  API       http://127.0.0.1:8080');
});

test('a node that serves nobody yet is set up in the console, by a link that the command line gives', () => {
  expect(told([], {}, 'edge.yaml')).toContain('Try next:  npx tandem console --config edge.yaml');
  expect(told([{ ...DEMO, name: 'acme' }])).toContain('Try next:  npx tandem status');
});
