export function shorten(text: string): string;
export function lengthen(text: string): string;
