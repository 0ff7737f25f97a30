/** What a signed call costs its receiver: with its certificate in memory, and the first time that the certificate is seen. */
import { X509Certificate } from 'node:crypto';
import { bench, do_not_optimize, group, run } from 'mitata';
import { signerOf } from '../src/stir/chain.ts';
import { certificatesIn } from '../src/stir/trust.ts';
import { Verifier } from '../src/stir/verify.ts';
import { stirWorld } from '../test/kit/stir/authority.ts';
import { signToken } from '../test/kit/stir/token.ts';

const X5U = 'https://certs.example/leaf.pem';
const [caller, called, next] = ['12155550131', '14155550100', '14155550101'] as const;
const world = stirWorld();
const leaf = world.leaf([{ spc: '1234' }]);
const trust = { anchors: [new X509Certificate(world.root.pem)], revocationLists: [] };
const chain = Buffer.from(leaf.chainPem);
const signer = signerOf(certificatesIn(chain), trust);
if (typeof signer === 'string') throw new Error(signer);
const verifier = new Verifier({
  wallMs: () => Date.now(),
  repository: { signer: () => signer },
  icons: { fault: () => undefined },
  timeoutMs: () => 2000,
});

const claims = { dest: { tn: [called] }, iat: Math.floor(Date.now() / 1000) + 30, orig: { tn: caller } };
const token = (ppt: string, more: object) =>
  `${signToken({ alg: 'ES256', ppt, typ: 'passport', x5u: X5U }, { ...claims, ...more }, leaf.privateKey)};info=<${X5U}>;alg=ES256;ppt=${ppt}`;
const shaken = token('shaken', { attest: 'A', origid: '123e4567-e89b-12d3-a456-426655440000' });
const div = token('div', { dest: { tn: [next] }, div: { tn: called } });
const tenant = 'acme';
const compact = { iatSeconds: undefined, claims: () => '' };

/** Each verdict is looked at: what fails early would be fast. */
function verify(identities: readonly string[], target: string): void {
  const verdict = verifier.verify({ tenant, identities, callers: [caller], called: [target], compact });
  if (verdict instanceof Promise || verdict.result !== 'passed') throw new Error('the call has not passed');
  do_not_optimize(verdict);
}

group('a verified call', () => {
  bench('shaken, certificate in memory', () => verify([shaken], called));
  bench('shaken and div, certificate in memory', () => verify([shaken, div], next));
  bench('refused for its numbers, nothing verified', () => {
    do_not_optimize(verifier.verify({ tenant, identities: [shaken], callers: ['1'], called: [called], compact }));
  });
});

group('a certificate', () => {
  bench('two of a chain, to the anchor', () => do_not_optimize(signerOf(certificatesIn(chain), trust)));
});

await run();
