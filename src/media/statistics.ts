import type { Bencoded, BencodedFields } from './bencode.ts';

/** What a relay has counted of one direction. */
export interface StreamStatistics {
  /** RTP packets that came from the party. */
  readonly packets: number;
  readonly octets: number;
  /** Of the packets that it got, as its own reports (RTCP) tell them; undefined where it sends none. */
  readonly lost: number | undefined;
  readonly jitterMs: number | undefined;
  /** Mean opinion score, 1 to 4.3, as the relay works it out. */
  readonly mos: number | undefined;
}

/** By party: the one that began the session, and the other one. */
export interface MediaStatistics {
  readonly near: StreamStatistics;
  readonly far: StreamStatistics;
}

/** Out of the answer to `query` or `delete`; undefined where it says nothing. */
export function statisticsOf(answer: BencodedFields | undefined, nearTag: string): MediaStatistics | undefined {
  const tags = fieldsOf(answer?.['tags']);
  const sources = fieldsOf(answer?.['SSRC']);
  if (tags === undefined) return undefined;
  const parties = Object.entries(tags).map(([tag, party]) => ({
    isNear: tag === nearTag,
    statistics: streamOf(fieldsOf(party) ?? {}, sources ?? {}),
  }));
  const near = parties.find(({ isNear }) => isNear)?.statistics;
  if (near === undefined) return undefined;
  // Of several forks, the one that talked.
  const far = parties
    .filter(({ isNear }) => !isNear)
    .map(({ statistics }) => statistics)
    .reduce((most, each) => (each.packets > most.packets ? each : most), NONE);
  return { near, far };
}

const NONE: StreamStatistics = { packets: 0, octets: 0, lost: undefined, jitterMs: undefined, mos: undefined };

function streamOf(party: BencodedFields, sources: BencodedFields): StreamStatistics {
  let packets = 0;
  let octets = 0;
  let reported: StreamStatistics | undefined;
  for (const stream of listOf(party['medias']).flatMap((media) => listOf(fieldsOf(media)?.['streams']))) {
    const fields = fieldsOf(stream) ?? {};
    if (!listOf(fields['flags']).includes('RTP')) continue;
    const stats = fieldsOf(fields['stats']);
    packets += numberOf(stats?.['packets']) ?? 0;
    octets += numberOf(stats?.['bytes']) ?? 0;
    const source = fieldsOf(sources[String(fields['SSRC'])]);
    if (source !== undefined) reported ??= reportOf(source);
  }
  return { ...NONE, ...reported, packets, octets };
}

/** What was reported of a source: by whoever received it. The score comes as ten times itself. */
function reportOf(source: BencodedFields): StreamStatistics {
  const average = fieldsOf(source['average MOS']);
  const mos = numberOf(average?.['MOS']);
  return {
    ...NONE,
    lost: numberOf(source['cumulative loss']) ?? numberOf(average?.['packet loss']),
    jitterMs: numberOf(average?.['jitter']),
    mos: mos === undefined ? undefined : mos / 10,
  };
}

function fieldsOf(value: Bencoded | undefined): BencodedFields | undefined {
  return typeof value === 'object' && !Array.isArray(value) ? value : undefined;
}

function listOf(value: Bencoded | undefined): readonly Bencoded[] {
  return Array.isArray(value) ? value : [];
}

function numberOf(value: Bencoded | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
