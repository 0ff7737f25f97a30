/** One YAML file: its value, and for every path in it the line and column. */
import { readFileSync } from 'node:fs';
import { type Document, isMap, isNode, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import type { Problem } from '../base/errors.ts';
import type { Segment } from './schema-problems.ts';

/** A problem and the place in a file where it is. */
export interface LocatedProblem extends Problem {
  readonly file: string;
  /** From 1; 0 when the file itself is at fault. */
  readonly line: number;
  readonly column: number;
}

/** `file:line:column path message`, one line. */
export function formatProblem(problem: LocatedProblem): string {
  return `${placeOf(problem)} ${problem.message}`;
}

const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** `file:line:column path`, as far as it is known. */
export function placeOf({ file, line, column, path }: LocatedProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return path === '' ? place : `${place} ${path}`;
}

interface Written {
  readonly document: Document | undefined;
  readonly lines: LineCounter;
}

const NOTHING_WRITTEN: Written = { document: undefined, lines: new LineCounter() };

export class YamlFile {
  readonly file: string;
  /** What the file says; undefined when it could not be read. */
  readonly value: unknown;
  /** Faults of the file as YAML. */
  readonly problems: readonly LocatedProblem[];
  /** The file as it is written; read when the first place is asked for. */
  readonly #written: () => Written;

  private constructor(
    file: string,
    value: unknown,
    problems: readonly LocatedProblem[],
    written: () => Written = () => NOTHING_WRITTEN,
  ) {
    this.file = file;
    this.value = value;
    this.problems = problems;
    this.#written = written;
  }

  /** @param isNode it is the configuration: whoever is told that it is not there hears how to name it */
  static read(file: string, isNode = false): YamlFile {
    try {
      return YamlFile.parse(file, readFileSync(file, 'utf8'));
    } catch (error) {
      const { code, message: text } = error as NodeJS.ErrnoException;
      const message =
        code === 'ENOENT'
          ? `does not exist: correct the path${isNode ? ' (the configuration is named by --config FILE or TANDEM_CONFIG)' : ''}`
          : `cannot be read: ${code ?? text}`;
      return new YamlFile(file, undefined, [{ code: 'file-unreadable', path: '', message, file, line: 0, column: 0 }]);
    }
  }

  static parse(file: string, text: string): YamlFile {
    if (text.length > MAX_FILE_BYTES) throw new Error(`is longer than ${MAX_FILE_BYTES} characters`);
    const json = plainJson(text);
    if (json !== undefined) {
      let written: Written | undefined;
      return new YamlFile(file, json, [], () => {
        written ??= writtenOf(text);
        return written;
      });
    }
    const written = writtenOf(text);
    const { document, lines } = written;
    const problems = [...document.errors, ...document.warnings].map((error): LocatedProblem => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { code: 'yaml', path: '', message: withAdvice(error), file, line, column: col };
    });
    let value: unknown;
    if (problems.length === 0) {
      try {
        value = document.toJS({ maxAliasCount: 100 });
      } catch (error) {
        problems.push({
          code: 'yaml',
          path: '',
          message: firstLine((error as Error).message),
          file,
          line: 1,
          column: 1,
        });
      }
    }
    return new YamlFile(file, value, problems, () => written);
  }

  /** Puts a problem in its place: at the field, or where the nearest field above it begins. */
  locate(problem: Problem, segments: readonly Segment[], atKey = false): LocatedProblem {
    const { code, path, message } = problem;
    const { lines, document } = this.#written();
    const { line, col } = lines.linePos(offsetOf(document?.contents, segments, atKey));
    return { code, path, message, file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

function offsetOf(contents: unknown, segments: readonly Segment[], atKey: boolean): number {
  let node = contents;
  let offset = startOf(node) ?? 0;
  for (const [index, segment] of segments.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isNode(item.key) && String(item.key) === String(segment));
      if (pair === undefined) return offset;
      const key = startOf(pair.key);
      if (atKey && index === segments.length - 1) return key ?? offset;
      node = pair.value;
      offset = startOf(node) ?? key ?? offset;
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function writtenOf(text: string): Written & { readonly document: Document } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false, stringKeys: true });
  return { document, lines };
}

/**
 * What a file holds that is JSON, in a twentieth of the time that YAML takes; undefined when it is not, or holds what YAML refuses: one
 * name twice in a map.
 */
function plainJson(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    let written = 0;
    for (const [, colon] of text.matchAll(STRINGS)) if (colon !== undefined) written++;
    return countKeys(value) === written ? value : undefined;
  } catch {
    return undefined;
  }
}

/** In text that is JSON: each string, and the colon behind it if it is a name. */
const STRINGS = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value) as unknown[];
  return children.reduce<number>((sum, child) => sum + countKeys(child), Array.isArray(value) ? 0 : children.length);
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function withAdvice({ code, message }: YAMLError): string {
  return code === 'TAB_AS_INDENT' ? `${firstLine(message)}: indent with spaces` : firstLine(message);
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}
