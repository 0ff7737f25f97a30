/**
 * A tenant or trunk as JSON text, in lines: one of a tenant with many extensions has them on lines of their own, some at a time, so that
 * ten thousand are written and read in steps. Joined, the lines are one JSON text; a line never ends within a value.
 */
import type { Steps } from '../../base/steps.ts';

const EXTENSIONS_PER_LINE = 50;
const END = ']}';

const AS_IT_IS = (value: object) => value;

/** @param view what is written of the document, and of each of the extensions that have lines of their own. */
export function* documentLines(document: object, view: (part: object) => object = AS_IT_IS): Generator<string, void> {
  const { extensions, ...rest } = document as { readonly extensions?: readonly object[] };
  if (extensions === undefined || extensions.length <= EXTENSIONS_PER_LINE) {
    yield JSON.stringify(view(document));
    return;
  }
  const head = JSON.stringify(view(rest)).slice(0, -1);
  yield `${head}${head === '{' ? '' : ','}"extensions":[`;
  for (let at = 0; at < extensions.length; at += EXTENSIONS_PER_LINE) {
    const some = JSON.stringify(extensions.slice(at, at + EXTENSIONS_PER_LINE).map(view)).slice(1, -1);
    yield at + EXTENSIONS_PER_LINE < extensions.length ? `${some},` : some;
  }
  yield END;
}

/** Reads what {@link documentLines} wrote with a line break between any two. */
export function* readLines<T>(text: string): Steps<T> {
  const headEnd = text.indexOf('\n');
  if (headEnd < 0) return JSON.parse(text) as T;
  const document = JSON.parse(text.slice(0, headEnd) + END) as { readonly extensions: object[] };
  for (let from = headEnd + 1; ; ) {
    const to = text.indexOf('\n', from);
    // The last line is the end of the document.
    if (to < 0) return document as T;
    const line = text.slice(from, text[to - 1] === ',' ? to - 1 : to);
    document.extensions.push(...(JSON.parse(`[${line}]`) as object[]));
    from = to + 1;
    yield;
  }
}
