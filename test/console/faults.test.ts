import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { faults } from '../../src/console/text/de/faults.ts';
import { findings } from '../../src/console/text/de/findings.ts';
import { reasons } from '../../src/console/text/de/reasons.ts';
import { translated, translatedInParts } from '../../src/console/text/faults.ts';
import { checkProvisioning } from '../../src/provisioning/check/provisioning.ts';
import { tenantSchema } from '../../src/provisioning/tenants/schema.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { parseWith } from '../../src/settings/schema-problems.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';
import { provision } from '../trunks/kit.ts';

const rule = { name: 'r', trunk: 'carrier', dids: '1000', destination: { hangUp: true as const } };
const trunk = { type: 'register', host: 'x.example.com' };

function sourcesOf(...folders: readonly string[]): string {
  return folders
    .flatMap((folder) => {
      const path = join(import.meta.dirname, '../../src', folder);
      return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((file) => join(path, file));
    })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

function filesIn(...folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(import.meta.dirname, '../../src', folder), { recursive: true, encoding: 'utf8' })
      .map((file) => `${folder}/${file}`)
      .filter((file) => file.endsWith('.ts')),
  );
}

function longestPart(known: string): string {
  return known.split(/\{\w+\}/).reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** Most sentences that the table has are said of these. */
function sentencesOfTheEngine(): readonly string[] {
  const shapes: readonly (readonly [z.ZodType, unknown])[] = [
    [
      tenantSchema,
      {
        name: '-',
        domain: 'a b',
        timeZone: 'Mars',
        emergencyNumbers: ['1'],
        dialCodes: { setCallerId: 5 },
        numberProcessing: { areaCode: '1'.repeat(40) },
        extensions: [
          { name: 'x' },
          { number: '1x', outboundCallerId: 'x', forward: { busy: 'x', noAnswerSeconds: 'x' }, media: 'allways' },
          { number: '1', limits: { dailyMinutes: -1 }, maxContacts: 5000, trustedAddresses: ['x'] },
          { number: '2', name: 'x'.repeat(5000) },
        ],
        groups: { a: 1 },
        outboundRules: [
          { name: '?', match: { prefixes: ['x'], lengths: [1.5] }, routes: [] },
          { name: 'b', match: { prefixes: ['1'] }, routes: [{ trunk: 't', strip: 'x', prepend: 'x' }] },
        ],
        inboundRules: [
          { ...rule, dids: 1, hours: { open: [{ days: ['mon'], from: '8', to: '18:00' }] }, holidays: ['x'] },
          { ...rule, destination: {} },
          { ...rule, destination: { extensions: 'x' } },
          { ...rule, destination: { extensions: '9-1' } },
        ],
      },
    ],
    [
      z.strictObject({
        list: z.array(z.int()).min(2),
        more: z.array(z.int()).max(2),
        count: z.number(),
        text: z.string().min(8),
      }),
      { list: [1], more: [1, 2, 3], count: null, text: 'x' },
    ],
    [
      provisioningSchema,
      {
        trunks: [{ ...trunk, id: '1', name: 'x'.repeat(300), host: '', credentials: { authName: '', password: 'p' } }],
      },
    ],
  ];
  const found = shapes.flatMap(([schema, value]) => {
    const parsed = parseWith(schema, value);
    return parsed.ok ? [] : parsed.problems.map(({ message }) => message);
  });
  const state = provision({
    tenants: [
      {
        name: 'acme',
        domain: 'a.example',
        outboundCallerId: '555',
        dialCodes: { anonymous: '*1', notAnonymous: '*1' },
        extensions: [{ number: '101', outboundCallerId: '4444', forward: { busy: '101' } }, { number: '101' }],
        groups: [{ name: 'g', dids: ['5'] }, { name: 'g' }],
        services: [
          { kind: 'ring-group', number: '600', name: 'a', members: ['777', '101', '101'], overflow: '600' },
          { kind: 'queue', number: '600', name: 'b' },
          { kind: 'queue', number: '101', name: 'c' },
        ],
        outboundRules: [
          { name: 'o', match: { prefixes: ['1'], groups: ['h'] }, routes: [{ trunk: 'carier' }] },
          { name: 'o', match: { prefixes: ['1'] }, routes: [{ trunk: 'nothing' }] },
        ],
        inboundRules: [
          { ...rule, outsideHours: { service: '700' } },
          { ...rule, name: 'twin' },
          { ...rule, dids: '5000' },
          { ...rule, name: 'p', dids: '+1' },
          { ...rule, name: 'q', dids: '12-1' },
          { ...rule, name: 's', dids: 'x', destination: { extension: '999' } },
          { ...rule, name: 't', dids: '1001-1002', destination: { extensions: '101-109' } },
        ],
      },
      { name: 'acme', domain: 'b.example' },
      { name: 'bare', domain: 'c.example', outboundCallerId: '1' },
    ],
    trunks: [
      { type: 'ip', host: '192.0.2.1', id: '1', name: 'carrier', tenants: [{ tenant: 'acme', didPool: '1000-1999' }] },
      { type: 'ip', host: '192.0.2.2', id: '2', name: 'second', tenants: [{ tenant: 'acme', didPool: '1-5; 3' }] },
      { type: 'ip', id: '3', name: 'c' },
      { type: 'ip', id: '6', name: 'c' },
      { type: 'register', host: 'x.example', id: '4', name: 'own', owner: 'acme' },
      { type: 'register', host: 'y.example', id: '5', name: 'own', owner: 'acme', didPool: '7' },
    ],
  });
  return [...found, ...checkProvisioning(state).map(({ message }) => message)];
}

describe('what the engine says of faults, in German', () => {
  const said = sentencesOfTheEngine();
  /** What a sentence stands for alone: it is no sentence of its own. */
  const WORDS = new Set([
    'a number',
    'a whole number',
    'a list',
    'empty',
    'text',
    'user part',
    'display name',
    'host part',
  ]);
  const sentences = Object.keys(faults).filter((known) => !WORDS.has(known));
  const isSaid = (known: string) =>
    said.some((message) => translated(message, { [known]: 'in German' }).startsWith('in German'));

  test('the engine says so in these words: most of such documents, and others stand in its sources', () => {
    const others = sentences.filter((known) => !isSaid(known));
    expect(sentences.length - others.length).toBeGreaterThan(55);
    const sources = sourcesOf('api', 'base', 'engine/explain', 'node', 'provisioning', 'settings').replaceAll(
      /\\(['`])/g,
      '$1',
    );
    const isSaidInParts = (known: string) =>
      known
        .split(/must be (?:of )?|[;:,] |\{\w+\}/)
        .every((part) => sources.includes(part.replace(/^[" ]+|[" ]+$/g, '')));
    expect(others.filter((known) => !isSaidInParts(known))).toEqual([]);
  });

  test('each sentence of what is provisioned, and of the HTTP interface as the console asks it, has German words', () => {
    /** Not what pages ask: messages, programs' and other nodes' questions, and what no browser sends; what is said of nothing at fault. */
    const OTHERS =
      /(event-(feed|stream)|examples|explain|openapi[\w-]*|operations|context|routes|messages|unreadable|body-size|listing-cursor|console|plan-change|provisioning|system|across|other-events)\.ts|trunk-keys|effective|tenants\/fields/;
    const files = filesIn('provisioning/check', 'provisioning/tenants', 'provisioning/trunk-settings', 'api')
      .filter((file) => !OTHERS.test(file))
      .concat('node/added-transports.ts');
    /** What only a system admin may do, and names of turns and of tokens: nothing that is said by itself. */
    const names =
      /^(assign|change|create|delete|make|move|point|see) [a-z ]+$|^(large bodies|first start)$|text\/csv|application\/json|nextCursor|`next`|^9 is no field$|^(anonymous|deliver) (once|always)$|^items of several/;
    const known = [...Object.keys(faults), ...Object.keys(reasons)]
      .map((each) => each.replaceAll(/\{\w+\}/g, '9'))
      .join('\n');
    const isKnown = (text: string) =>
      known.includes(text) || [text, `9 ${text}`, `"9" ${text}`].some((each) => translated(each, faults) !== each);
    // Descriptions of fields and operations end with a full stop, or begin with a capital letter.
    const said = sentencesIn(...files)
      .map((text) =>
        text
          .replace(/\$\{.*$/s, '')
          .replace(/^9(?=[a-z])|9$/, '')
          .trim(),
      )
      .filter((text) => /^[a-z"9]/.test(text) && !text.endsWith('.') && !names.test(text));
    expect(said.length).toBeGreaterThan(200);
    expect(said.filter((text) => !isKnown(text))).toEqual([]);
    expect(isKnown('the moon is full')).toBe(false);
  });

  test('values stand in it, a guess behind it, and what is not known stays as it is', () => {
    expect(translated('there is no extension 777', faults)).toBe('es gibt keine Nebenstelle 777');
    expect(translated('must be 1 second to 3650 days', faults)).toBe(
      'muss zwischen einer Sekunde und 3650 Tagen liegen',
    );
    expect(translated('must be a whole number, not text', faults)).toBe('muss eine ganze Zahl sein, nicht Text');
    for (const name of ['empty', 'constructor'])
      expect(translated(`there is no group "${name}"`, faults)).toBe(`es gibt keine Gruppe „${name}“`);
    expect(translated('must be a list, not constructor', faults)).toBe('muss eine Liste sein, nicht constructor');
    expect(translated('there is no trunk "carier" (did you mean "carrier"?) that tenant "a" may use', faults)).toBe(
      'es gibt keinen Trunk „carier“, den der Mandant „a“ benutzen darf. Meinten Sie „carrier“?',
    );
    expect(translated('the moon is full', faults)).toBe('the moon is full');
  });
});

const isEnglish = (text: string) => /[a-z]{2,} [a-z]{2,}/.test(text);

/** What stands in these files in quotes and has several words, values in it as `9`. */
function sentencesIn(...files: readonly string[]): readonly string[] {
  return files
    .map((file) => readFileSync(join(import.meta.dirname, '../../src', file), 'utf8'))
    .flatMap((source) =>
      Array.from(
        source
          .replaceAll(/^ *(\/?\*|\/\/).*$/gm, '')
          // Expressions may have quotes, and what an answer says stands in the answer's own words.
          .replaceAll(/\/(?![*/ ])(?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\n])+\/[a-z]*(?=[.;,)])/g, '')
          .replaceAll(/status: \d+,\s+reason: '[^']*'/g, '')
          .matchAll(/'((?:[^'\\\n]|\\.)*)'|"([^"\n]*)"|`((?:[^`\\]|\\.)*)`/g),
        ([, ...quoted]) =>
          (quoted.find((text) => text !== undefined) ?? '').replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '9'),
      ),
    )
    .map((text) => text.replaceAll(/\\(['`])/g, '$1'))
    .filter(isEnglish);
}

describe('what the engine says of how a trunk is, in German', () => {
  /** Where the reasons of a trunk's state and of an attempt are made, those why nothing comes over a connection, and why nothing leaves. */
  const files = filesIn('trunks')
    .filter((file) => !/status-facts|examination|guards|evidence/.test(file))
    .concat(['stream-flow', 'stream-listener', 'tls-client', 'tls-refusal'].map((file) => `sip/transport/${file}.ts`))
    .concat('base/egress.ts', 'call/branch.ts');

  test("each sentence of the doctor and of a trunk's state has German words", () => {
    const said = sentencesIn('engine/trunk-doctor.ts')
      .filter((text) => text.trim().split(' ').length > 2)
      .concat(sentencesIn(...files));
    const known = Object.keys(findings)
      .join('\n')
      .replaceAll(/\{\w+\}/g, '9');
    expect(said.length).toBeGreaterThan(80);
    expect(
      said.filter((sentence) => translated(sentence, findings) === sentence && !known.includes(sentence.trim())),
    ).toEqual([]);
  });

  test('the engine says so in these words', () => {
    const missing = ['outbound', 'inbound'].join(' and no ');
    const sources = sourcesOf('base', 'call', 'engine', 'trunks', 'sip').replaceAll(/\\(['`])/g, '$1') + missing;
    expect(Object.keys(findings).filter((known) => !sources.includes(longestPart(known)))).toEqual([]);
  });

  test('values stand in it, reasons inside of it are German too, and the words of a provider stay', () => {
    const inGerman = (message: string) => translated(message, findings);
    expect(inGerman('no answer: nothing listens for tls')).toBe('keine Antwort: nothing listens for tls');
    expect(inGerman('offline since 2026-11-28T00:00:00Z: no answer')).toBe(
      'nicht erreichbar seit 2026-11-28T00:00:00Z: keine Antwort',
    );
    expect(inGerman('no outbound and no inbound rule has the trunk')).toBe(
      'weder eine ausgehende noch eine eingehende Regel nennt den Trunk',
    );
    expect(inGerman('Wrong Password')).toBe('Wrong Password');
  });
});

describe('why a call goes where it goes, in German', () => {
  const FILES = [
    'engine/explain/contact-reasons.ts',
    'engine/explain/explainer.ts',
    'engine/explain/inbound-reasons.ts',
  ];
  /** Nothing of a reason: the words of commands and of the OpenAPI document, defects, and what is said of files. */
  const OTHERS =
    /outbound\/(explain-text|explanation|if-answered|pipeline|placed-call|played-again)|stir\/(certificate|crl|signature-\w+|trust|verstat|x509-extensions)\.ts/;
  const table = { ...reasons, ...findings };
  const inGerman = (reason: string) => translatedInParts(reason, table);
  const files = filesIn('outbound', 'stir').filter((file) => !OTHERS.test(file));

  test('each sentence of the engine has German words', () => {
    const said = sentencesIn(...files, ...FILES);
    expect(said.length).toBeGreaterThan(200);
    /** Answers to the phone, which say what was set, and to a question that cannot be asked. */
    const answers =
      /^X-Outbound-Cli rewrite|^(Not Found|Caller ID|Calls|Anonymous callers|Outbound caller ID) |^there is no |^say which |places no call$|^trunk 9 is disabled|^tenant 9 has no extension|say who calls/;
    const marked = Object.fromEntries(
      Object.keys(table)
        .filter(isEnglish)
        .map((known) => [known, '–']),
    );
    /** What has no German words of a sentence, alone or behind a name. */
    const left = (sentence: string) => {
      const plain = sentence
        .replaceAll(/\\(['`])/g, '$1')
        .replace(/\$\{.*$/s, '')
        .replace(/^[ ,;]+/, '')
        .replaceAll(/(?<=[a-z])9/g, '');
      const [alone = '', behind = ''] = [plain, `9 ${plain}`].map((each) => translatedInParts(each, marked));
      return isEnglish(alone) ? behind : alone;
    };
    expect(said.filter((sentence) => !answers.test(sentence) && isEnglish(left(sentence)))).toEqual([]);
    expect(left('the moon is full, not set')).toBe('9 the moon is full, –');
  });

  test('the engine says so in these words', () => {
    const sources = sourcesOf('outbound', 'engine', 'stir', 'provisioning').replaceAll(/\\(['`])/g, '$1');
    const parts = Object.keys(reasons).filter(
      (known) => !known.split(/[;,:] |\{\w+\}/).every((part) => sources.includes(part.replace(/^[" ]+|[" ]+$/g, ''))),
    );
    expect(parts).toEqual([]);
  });

  test.each([
    ['extension 101 of acme', 'Nebenstelle 101 von acme'],
    [
      '0049301 -> 0301: domestic: + removed, country code 49 dropped, prefix and national code put in front',
      '0049301 -> 0301: Inland: + entfernt, Landeskennzahl 49 entfällt, Präfix und nationale Kennziffer davor',
    ],
    [
      'route 1: trunk "a, of the system", which is down (no answer) and tried all the same, leaves through node n1, which is registered',
      'Weg 1: Trunk "a, of the system", der nicht erreichbar ist (keine Antwort) und trotzdem versucht wird, geht über den Knoten n1 hinaus, der angemeldet ist',
    ],
    [
      'goes out unsigned (an emergency call is never refused): certificate c ended at 2026-11-28T00:00:00Z; certificate d is no URL',
      'geht ohne Signatur hinaus (ein Notruf wird nie abgelehnt): Zertifikat c ist am 2026-11-28T00:00:00Z abgelaufen; Zertifikat d ist keine URL',
    ],
    [
      'shaken {"attest":"B","orig":{"tn":"1415"}}; attestation B: extension 101 of acme is authenticated; 1415 is in no pool that the system admin has verified',
      'shaken {"attest":"B","orig":{"tn":"1415"}}; Bestätigung B: Nebenstelle 101 von acme hat sich ausgewiesen; 1415 liegt in keinem Bereich, den die Systemverwaltung geprüft hat',
    ],
    ['the certificate cannot be fetched: the answer is 404', 'das Zertifikat ist nicht zu holen: die Antwort ist 404'],
    ['anonymous: the endpoint sent Privacy: id', 'anonym: das Gerät hat gesendet: Privacy: id'],
    ['from.user: anonymous', 'from.user: anonymous'],
  ])('parts, values and reasons inside of it: %s', (reason, words) => {
    expect(inGerman(reason)).toBe(words);
  });

  test.each([
    ['many parts in few octets', 'a b; '.repeat(60)],
    ['more parts', 'a b; '.repeat(300)],
    ['one long part', 'is in of the has no which '.repeat(300)],
  ])('what a peer wrote at length is left as it is, and holds no page: %s', (_, written) => {
    const reason = `the carrier says 486 ${written}`;
    expect(inGerman(reason)).toBe(reason);
    expect(leastCpuMs(100, () => inGerman(reason))).toBeLessThan(100);
  });
});
