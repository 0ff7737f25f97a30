import type { ProvisioningInput } from '../kit/engine-process.ts';
import { CARRIER_HOST } from './network.ts';

export const PHONES = ['101', '102', '103', '104', '105', '106'];
export const passwordOf = (phone: string) => `secret-${phone}`;
/** Trunks by the port of the carrier's that they lead to. */
export const CARRIER_PORT = 5060;
export const LIMITED_PORT = 5070;
export const PROVIDER_PORT = 5080;
/** Calls at once on the limited trunk. */
export const LIMIT = 3;
/** What is dialled before a number, by trunk. */
export const PREFIXES: Readonly<Record<number, string>> = {
  [CARRIER_PORT]: '9',
  [LIMITED_PORT]: '8',
  [PROVIDER_PORT]: '7',
};
const DID = 14_155_550_000;
export const didOf = (phone: string) => String(DID + Number(phone));

const trunk = (name: string, id: string, port: number) => ({
  id,
  name,
  type: 'ip' as const,
  host: CARRIER_HOST,
  port,
  anotherAccount: true,
  options: { verifyPort: true },
  tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
});

export const provisioning: ProvisioningInput = {
  tenants: [
    {
      name: 'acme',
      domain: 'acme.test',
      outboundCallerId: '14155550100',
      extensions: PHONES.map((number) => ({ number, name: `Phone ${number}`, password: passwordOf(number) })),
      outboundRules: [
        { name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1, prepend: '+' }] },
        { name: 'few', match: { prefixes: ['8'] }, routes: [{ trunk: 'limited', strip: 1, prepend: '+' }] },
        { name: 'registered', match: { prefixes: ['7'] }, routes: [{ trunk: 'provider', strip: 1, prepend: '+' }] },
      ],
      inboundRules: [
        {
          name: 'direct',
          trunk: 'carrier',
          dids: `${didOf('101')}-${didOf('106')}`,
          destination: { extensions: '101-106' },
        },
      ],
    },
  ],
  trunks: [
    trunk('carrier', '1', CARRIER_PORT),
    { ...trunk('limited', '2', LIMITED_PORT), limits: { concurrentCalls: LIMIT } },
    {
      ...trunk('provider', '3', PROVIDER_PORT),
      type: 'register',
      anotherAccount: false,
      credentials: { username: 'acme-trunk', password: 'c4rrier', registerSeconds: 60 },
    },
  ],
};
