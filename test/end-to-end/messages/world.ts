import type { ProvisioningInput } from '../../kit/engine-process.ts';

type Trunk = NonNullable<ProvisioningInput['trunks']>[number];
export const PASSWORD = 'correct-horse-9';

/** A tenant with three phones and a WhatsApp number, which phones 101 and 102 may write from, and which 101 hears of. */
export function whatsappWorld(apiBase: string, changes: Partial<Trunk['whatsapp']> = {}): ProvisioningInput {
  return {
    tenants: [
      {
        name: 'acme',
        domain: 'acme.test',
        extensions: ['101', '102', '103'].map((number) => ({ number, name: `Phone ${number}`, password: PASSWORD })),
        services: [{ kind: 'ring-group', number: '600', name: 'Desk', members: ['101', '102'], ringSeconds: 20 }],
        outboundRules: [
          { name: 'write', match: { extensions: ['101-102'], prefixes: ['+'] }, routes: [{ trunk: 'whatsapp' }] },
        ],
        inboundRules: [
          {
            name: 'desk',
            trunk: 'whatsapp',
            dids: '14155550160',
            callers: '44**********',
            destination: { service: '600' },
          },
          { name: 'all', trunk: 'whatsapp', dids: '14155550160', destination: { extension: '101' } },
        ],
      },
    ],
    trunks: [
      {
        id: '7',
        name: 'whatsapp',
        type: 'whatsapp',
        owner: 'acme',
        didPool: '14155550160',
        whatsapp: {
          number: '+14155550160',
          phoneNumberId: '1001',
          accountId: '2002',
          accessToken: 'token-1',
          appSecret: 'app-secret',
          verifyToken: 'verify-me',
          apiBase,
          ...changes,
        },
      },
    ],
  };
}
