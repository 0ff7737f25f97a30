/** Many trunks and DIDs, made by rule, so that a look-up's right answer is known without a table. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

export interface Scale {
  readonly trunks: number;
  /** DIDs of all trunks together, single numbers with gaps between them: no ranges help. */
  readonly dids: number;
}

const TENANTS = 100;
const FIRST_DID = 20_000_000_000;

export const trunkId = (index: number) => String(100_000 + index);
export const tenantOf = (trunk: number) => `t${trunk % TENANTS}`;
export const domainOf = (trunk: number) => `${tenantOf(trunk)}.example.com`;
/** The `index`-th DID; it is in the pool of trunk `index % trunks`. */
export const didOf = (index: number) => String(FIRST_DID + index * 2);
/** Address and port of all trunks but the last. */
export function sourceOf(trunk: number): readonly [address: string, port: number] {
  return [`10.${1 + (trunk >> 16)}.${(trunk >> 8) & 255}.${trunk & 255}`, 5060];
}

function poolOf(trunk: number, { trunks, dids }: Scale): string {
  const numbers: string[] = [];
  for (let did = trunk; did < dids; did += trunks) numbers.push(didOf(did));
  return numbers.join(';');
}

/** The last DID of the last trunk: where the test's call goes to. */
export const lastDid = ({ dids }: Scale) => didOf(dids - 1);

function trunkOf(index: number, scale: Scale, carrierPort: number) {
  const [address, port] = index === scale.trunks - 1 ? (['127.0.0.1', carrierPort] as const) : sourceOf(index);
  return {
    id: trunkId(index),
    name: `trunk-${index}`,
    type: 'ip',
    host: address,
    port,
    options: { verifyPort: true },
    tenants: [{ tenant: tenantOf(index), didPool: poolOf(index, scale) }],
  };
}

/** A tenant with a phone, and per trunk an outbound rule by prefix and an inbound rule for the trunk's last DID. */
function tenant(index: number, { trunks, dids }: Scale) {
  const own = Array.from({ length: Math.ceil((trunks - index) / TENANTS) }, (_, n) => index + n * TENANTS);
  return {
    name: tenantOf(index),
    domain: domainOf(index),
    extensions: [{ number: '101', name: 'Alice', password: 'secret-101' }],
    outboundRules: own.map((trunk) => ({
      name: `out-${trunk}`,
      match: { prefixes: [`9${100_000 + trunk}`] },
      routes: [{ trunk: `trunk-${trunk}`, strip: 7 }],
    })),
    inboundRules: own.map((trunk) => ({
      name: `in-${trunk}`,
      trunk: `trunk-${trunk}`,
      dids: didOf(dids - trunks + trunk),
      destination: { extension: '101' },
    })),
  };
}

/** All of it, in memory. */
export function scaleProvisioning(scale: Scale, carrierPort: number) {
  return {
    tenants: Array.from({ length: TENANTS }, (_, index) => tenant(index, scale)),
    trunks: Array.from({ length: scale.trunks }, (_, index) => trunkOf(index, scale, carrierPort)),
  };
}

/** Writes the provisioning file piece by piece: it may be larger than what is good to hold as one string. */
export async function writeProvisioning(file: string, scale: Scale, carrierPort: number): Promise<void> {
  const stream = createWriteStream(file);
  stream.write('{"tenants":[');
  for (let index = 0; index < TENANTS; index++)
    stream.write(`${index === 0 ? '' : ','}${JSON.stringify(tenant(index, scale))}`);
  stream.write('],"trunks":[');
  for (let index = 0; index < scale.trunks; index++)
    stream.write(`${index === 0 ? '' : ','}\n${JSON.stringify(trunkOf(index, scale, carrierPort))}`);
  stream.end(']}');
  await finished(stream);
}
