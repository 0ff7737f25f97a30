/**
 * Refusals by which a carrier asks not to be called for a while. Carriers pass on what the called party says, its words and its Retry-After
 * among them, and whoever calls chooses whom: so what one tenant's call was told holds for that tenant, and for all who use the trunk once
 * a second one was told the like meanwhile.
 */
interface Told {
  /** Monotonic, ms. */
  readonly untilMs: number;
  readonly reason: string;
}

export class CarrierRefusals {
  #ofAll: Told | undefined = undefined;
  /** Most trunks are never refused so. */
  #ofTenants: Map<string, Told> | undefined = undefined;

  /**
   * Whether it holds for all from now on.
   *
   * @param tenant whose call was told; undefined: it is not known, or has the trunk alone
   */
  note(tenant: string | undefined, told: Told, nowMs: number): boolean {
    const lasting = [...(this.#ofTenants ?? [])].filter(([, { untilMs }]) => untilMs > nowMs);
    if (tenant !== undefined) this.#ofTenants = new Map([...lasting, [tenant, told]]);
    const isOfAll = tenant === undefined || lasting.some(([name]) => name !== tenant);
    if (isOfAll) this.#ofAll = told;
    return isOfAll;
  }

  /** Why a tenant's calls are to wait, or all; empty: they need not. */
  reasonFor(tenant: string | undefined, nowMs: number): string {
    for (const told of [this.#ofAll, tenant === undefined ? undefined : this.#ofTenants?.get(tenant)])
      if (told !== undefined && told.untilMs > nowMs) return told.reason;
    return '';
  }

  clear(): void {
    this.#ofAll = undefined;
    this.#ofTenants = undefined;
  }
}
