/** The product's sign: two lines with a switch on each. */
export function Mark() {
  return (
    <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#0f766e" />
      <path d="M8 12h16M8 20h16" stroke="#fff" stroke-width="2.5" stroke-linecap="round" />
      <circle cx="13" cy="12" r="3.2" fill="#0f766e" stroke="#fff" stroke-width="2.5" />
      <circle cx="19" cy="20" r="3.2" fill="#0f766e" stroke="#fff" stroke-width="2.5" />
    </svg>
  );
}
