/** Signed calls: what the decision costs in the pipeline, and what a token costs where the INVITE is sent; on this thread, and what a helper thread would take. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { bench, do_not_optimize, group, run } from 'mitata';
import { addIdentity, draftForRoute, planOutbound, type SignsAtOnce } from '../src/outbound/index.ts';
import { renderInvite } from '../src/outbound/render.ts';
import { signaturesHere } from '../src/stir/index.ts';
import { ANY_NUMBER, LONG, sharedAuthority, signer } from '../test/kit/stir/signed.ts';
import { factsOf, tenantWith, trunkWith } from '../test/outbound/world.ts';

const call = (stirShaken: boolean) =>
  planOutbound(
    factsOf({
      tenants: [tenantWith({ outboundCallerId: '14155550100' })],
      trunks: [
        trunkWith({
          options: { stirShaken },
          tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199', verified: true }],
        }),
      ],
      certificates: [signer('acme', { owner: 'acme' }, sharedAuthority().leaf(ANY_NUMBER, LONG))],
      dialled: '12125551234',
    }),
  );
const [unsigned, signed] = [call(false), call(true)];
const route = draftForRoute(signed, 0);
if (route.kind !== 'draft' || route.signing === undefined) throw new Error('nothing is signed');
const { draft, signing, maxForwards } = route;
const tokens = { via: 'SIP/2.0/UDP 192.0.2.1', callId: 'c', localTag: 't', sequence: 1, maxForwards };
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const octets = Buffer.alloc(400, 'x');
const signs: SignsAtOnce = (input, { key }) => signaturesHere.sign(input, key);

group('the draft of a route', () => {
  bench('unsigned', () => do_not_optimize(draftForRoute(unsigned, 0)));
  bench('with what is signed decided', () => do_not_optimize(draftForRoute(signed, 0)));
});

group('the INVITE as it is sent', () => {
  bench('rendered', () => do_not_optimize(renderInvite(draft, tokens)));
  bench('rendered and signed (ES256)', () => {
    const invite = renderInvite(draft, tokens);
    addIdentity(invite, signing, Date.now(), signs);
    do_not_optimize(invite);
  });
  bench('the signature alone, on this thread', () =>
    do_not_optimize(sign('sha256', octets, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  );
  bench('the signature alone, on a helper thread', async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    sign('sha256', octets, { key: privateKey, dsaEncoding: 'ieee-p1363' }, (_error, signature) => resolve(signature));
    do_not_optimize(await promise);
  });
});

await run();
