/** A state as the text of one JSON document, piece by piece: 30 MB at once would stop the calls for seconds. */
import { inSlices, type Steps } from '../base/steps.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { Provisioning } from '../trunks/schema.ts';

/** How long a piece is, about, in characters. */
const PIECE = 65_536;
/** A tenant with more extensions is written in parts. */
const EXTENSIONS_AT_ONCE = 100;

/** @param view what is shown of a tenant, an extension or a trunk. */
export async function* exported(state: Provisioning, view: (document: object) => object): AsyncGenerator<string> {
  const texts = textsOf(state, view);
  for (;;) {
    const { text, isLast } = await inSlices(nextPiece(texts));
    if (text !== '') yield text;
    if (isLast) return;
  }
}

function* nextPiece(texts: Iterator<string>): Steps<{ readonly text: string; readonly isLast: boolean }> {
  let text = '';
  while (text.length < PIECE) {
    const { done, value } = texts.next();
    if (done === true) return { text, isLast: true };
    text += value;
    yield;
  }
  return { text, isLast: false };
}

function* textsOf({ tenants, trunks }: Provisioning, view: (document: object) => object): Generator<string> {
  yield '{"tenants":[';
  for (const [index, tenant] of tenants.entries()) {
    if (index > 0) yield ',';
    if (tenant.extensions.length <= EXTENSIONS_AT_ONCE) yield JSON.stringify(view(tenant));
    else yield* largeTenant(tenant, view);
  }
  yield '],"trunks":[';
  for (const [index, trunk] of trunks.entries()) yield `${index > 0 ? ',' : ''}${JSON.stringify(view(trunk))}`;
  yield ']}';
}

function* largeTenant({ extensions, ...rest }: Tenant, view: (document: object) => object): Generator<string> {
  yield `${JSON.stringify(view(rest)).slice(0, -1)},"extensions":[`;
  for (let at = 0; at < extensions.length; at += EXTENSIONS_AT_ONCE) {
    const some = extensions.slice(at, at + EXTENSIONS_AT_ONCE).map((extension) => JSON.stringify(view(extension)));
    yield `${at > 0 ? ',' : ''}${some.join()}`;
  }
  yield ']}';
}
