import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** Names and addresses of a hosts file (hosts(5)), names in lower case; empty when there is no such file. */
export function readHostsFile(path = '/etc/hosts'): Map<string, string[]> {
  const hosts = new Map<string, string[]>();
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // A machine without one asks the DNS for every name.
  }
  for (const line of text.split('\n')) {
    const [address, ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const addresses = hosts.get(key) ?? [];
      if (!addresses.includes(address)) addresses.push(address);
      hosts.set(key, addresses);
    }
  }
  return hosts;
}
