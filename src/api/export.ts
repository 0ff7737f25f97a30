/** A state as the text of one JSON document, piece by piece: 30 MB at once would stop the calls for seconds. */
import { inSlices, type Steps } from '../base/steps.ts';
import { documentLines } from '../provisioning/directory/document-text.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';

/** How long a piece is, about, in characters. */
const PIECE = 65_536;

/** @param view what is shown of a tenant, an extension, a trunk or a certificate. */
export async function* exported(state: Provisioned, view: (document: object) => object): AsyncGenerator<string> {
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

function* textsOf(
  { tenants, trunks, certificates }: Provisioned,
  view: (document: object) => object,
): Generator<string> {
  yield '{"tenants":[';
  for (const [index, tenant] of tenants.entries()) {
    if (index > 0) yield ',';
    yield* documentLines(tenant, view);
  }
  yield '],"trunks":[';
  for (const [index, trunk] of trunks.entries()) yield `${index > 0 ? ',' : ''}${JSON.stringify(view(trunk))}`;
  yield '],"certificates":[';
  for (const [index, one] of certificates.entries()) yield `${index > 0 ? ',' : ''}${JSON.stringify(view(one))}`;
  yield ']}';
}
