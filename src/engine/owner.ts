export interface LegOwner {
  readonly tenant: string;
  /** Number of an extension or service. */
  readonly number: string;
}

/** Names the party of a leg for transfers, pick-up and the way to it: `tenant/number`. */
export function ownerOf(tenant: string, number: string): string {
  return `${tenant}/${number}`;
}

/** The two parts again; undefined for a leg that is nobody's, such as a trunk's. */
export function partyOf(owner: string | undefined): LegOwner | undefined {
  const slash = owner?.lastIndexOf('/') ?? -1;
  if (owner === undefined || slash < 0) return undefined;
  return { tenant: owner.slice(0, slash), number: owner.slice(slash + 1) };
}
