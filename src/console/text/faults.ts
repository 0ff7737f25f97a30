/** Words of the engine in another language, by a table of its sentences. */

type Words = Readonly<Record<string, string>>;

/** Of a sentence that ends with a guess, the guess. */
const GUESS = /(?: \(|; )did you mean "([^"]*)"\?\)?/;

/** Names that stand for words of the engine's, which are in the table too; the others stand for what somebody wrote. */
const WORDS = new Set(['kind', 'found', 'reason', 'rest']);

/** What `message` is by the table; as it is where the table does not have it. */
export function translated(message: string, table: Words): string {
  const [hint = '', guess] = GUESS.exec(message) ?? [];
  const sentence = hint === '' ? message : message.replace(hint, '');
  const found = foundIn(sentence, table, ANYTHING, (words) => translated(words, table));
  if (found === undefined) return message;
  return guess === undefined ? found : `${found}. Meinten Sie „${guess}“?`;
}

/** What stands between the parts of a reason, outside of quotes. */
const BETWEEN = /([;,:] )(?=(?:[^"]*"[^"]*")*[^"]*$)/;

/** Of a reason. What is longer holds what a peer wrote at length, and would be looked up for seconds. */
const MOST_CHARACTERS = 1_000;
const MOST_PARTS = 16;

/**
 * The same of a reason, which is made of parts: as many of them together as the table has, else a part as it is; as it is where it is
 * long. A single word is taken for one of the engine's only where a reason begins: elsewhere it is a value.
 */
export function translatedInParts(message: string, table: Words): string {
  if (message.length > MOST_CHARACTERS) return message;
  const parts = message.split(BETWEEN);
  if (parts.length > 2 * MOST_PARTS) return message;
  const inside = (words: string) => translatedInParts(words, table);
  let text = '';
  for (let at = 0; at < parts.length; ) {
    let end = parts.length;
    let found: string | undefined;
    for (; found === undefined && end > at; end -= 2) {
      const run = parts.slice(at, end).join('');
      if (at === 0 || run.includes(' ')) found = foundIn(run, table, PART, inside);
    }
    const next = found === undefined ? at + 1 : end + 2;
    text += (found ?? parts[at] ?? '') + (parts[next] ?? '');
    at = next + 1;
  }
  return text;
}

/** What a name in braces may stand for. */
const ANYTHING = '.+?';
const DIGITS = '\\d+';
const VALUES: Words = { least: DIGITS, most: DIGITS, id: '\\S+', rest: ANYTHING, reason: ANYTHING };
/** Within one part. */
const PART = '(?:"[^"]*"|(?![;,:] )[^"])+?';

function foundIn(sentence: string, table: Words, value: string, inside: (words: string) => string): string | undefined {
  if (Object.hasOwn(table, sentence)) return table[sentence];
  for (const [known, words] of Object.entries(table)) {
    const found = known.includes('{') ? patternOf(known, value).exec(sentence) : null;
    if (found === null) continue;
    return words.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const filled = found.groups?.[name] ?? whole;
      return WORDS.has(name) ? inside(filled) : filled;
    });
  }
  return undefined;
}

const patterns = new Map<string, RegExp>();

function patternOf(known: string, value: string): RegExp {
  const key = value + known;
  let pattern = patterns.get(key);
  if (pattern === undefined) {
    const escaped = known
      .split(/\{(\w+)\}/)
      .map((part, at) =>
        at % 2 === 0 ? part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : `(?<${part}>${VALUES[part] ?? value})`,
      )
      .join('');
    pattern = new RegExp(`^${escaped}$`, 'su');
    patterns.set(key, pattern);
  }
  return pattern;
}
