import type { AddressClaim } from '../../provisioning/directory/precedence.ts';
import type { ClaimStore } from '../../trunks/address-history.ts';
import type { RedisLink } from './link.ts';

/** Since when trunks have had the addresses of their names: a sorted set by that moment, in which the earliest that any node noted stays. */
export class RedisClaims implements ClaimStore {
  readonly #link: RedisLink;
  readonly #key: string;

  constructor(link: RedisLink, key: string) {
    this.#link = link;
    this.#key = key;
  }

  async load(): Promise<readonly AddressClaim[]> {
    const answer = ((await this.#link.command('ZRANGE', this.#key, 0, -1, 'WITHSCORES')) as Buffer[]).map(String);
    const claims: AddressClaim[] = [];
    for (let at = 0; at < answer.length; at += 2) {
      const [trunkId = '', address = ''] = (answer[at] ?? '').split(' ');
      claims.push({ trunkId, address, since: Number(answer[at + 1]) });
    }
    return claims;
  }

  async keep(claims: readonly AddressClaim[]): Promise<readonly AddressClaim[]> {
    if (claims.length === 0) return [];
    await this.#link.command('ZADD', this.#key, 'LT', ...claims.flatMap((claim) => [claim.since, memberOf(claim)]));
    const kept = (await this.#link.command('ZMSCORE', this.#key, ...claims.map(memberOf))) as (Buffer | null)[];
    return claims.map((claim, at) => ({ ...claim, since: Number(kept[at] ?? claim.since) }));
  }

  async forget(claims: readonly AddressClaim[]): Promise<void> {
    if (claims.length > 0) await this.#link.command('ZREM', this.#key, ...claims.map(memberOf));
  }
}

function memberOf({ trunkId, address }: AddressClaim): string {
  return `${trunkId} ${address}`;
}
