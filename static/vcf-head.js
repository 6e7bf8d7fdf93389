/* The beginning of a VCF, read in the browser: nothing is sent for it.
   readVcfHead(blob) gives {text, kind}; kind is "plain", "gzip", "bgzf", or why it is no text.
   describeVcfHead(text) gives {facts, version, assembly}. */
"use strict";
(() => {
  const HEAD_BYTES = 1 << 20;
  const MAX_TEXT = 8 << 20;
  const FOREIGN = [
    [[0x50, 0x4b, 3, 4], "a ZIP archive: unpack it and choose the VCF itself"],
    [[0xfd, 0x37, 0x7a, 0x58], "an xz file: unpack it and choose the VCF"],
    [[0x42, 0x5a, 0x68], "a bzip2 file: unpack it and choose the VCF"],
    [[0x28, 0xb5, 0x2f, 0xfd], "a zstd file: unpack it and choose the VCF"],
    [[0x25, 0x50, 0x44, 0x46], "a PDF document"],
    [[0xd0, 0xcf, 0x11, 0xe0], "an Excel or Word document"],
    [[0x42, 0x41, 0x4d, 1], "a BAM file (aligned reads)"],
    [[0x42, 0x43, 0x46], "a BCF file: convert it with bcftools view -Oz"],
    [[0x43, 0x52, 0x41, 0x4d], "a CRAM file (aligned reads)"],
    [[0xff, 0xfe], "UTF-16 text: save it as UTF-8"],
    [[0xfe, 0xff], "UTF-16 text: save it as UTF-8"],
  ];
  const ASSEMBLIES = [
    ["NCBI36", /ncbi[\s_.-]?36|\bhg18\b|\bb36\b/i],
    ["GRCh37", /(grch|ncbi)[\s_.-]?37|\bhg19\b|\bb37\b|hs37d5|g1k_v37/i],
    ["GRCh38", /(grch|ncbi)[\s_.-]?38|\bhg38\b|\bb38\b|hs38d/i],
    ["T2T-CHM13", /chm13|\bhs1\b/i],
  ];

  const begins = (data, magic) => magic.every((byte, at) => data[at] === byte);
  const foreign = (data) => (FOREIGN.find(([magic]) => begins(data, magic)) || [])[1];

  /* What a packed piece holds, as far as it goes: an error at its end spoils nothing before it. */
  const unpack = async (data, format, limit) => {
    const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream(format)).getReader();
    const pieces = [];
    let size = 0;
    try {
      for (let next = await reader.read(); !next.done && size < limit; next = await reader.read()) {
        pieces.push(next.value);
        size += next.value.length;
      }
    } catch { /* cut off, or another member follows */ }
    reader.cancel().catch(() => {});
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) { whole.set(piece, at); at += piece.length; }
    return whole;
  };

  const isBgzf = (data, at) => begins(data.subarray(at, at + 4), [0x1f, 0x8b, 8, 4]) && data[at + 12] === 0x42 && data[at + 13] === 0x43;

  /* Where the next gzip member may begin: only a try tells. */
  const nextMember = (data, from) => {
    for (let at = from; at < data.length - 10; at += 1) {
      if (data[at] === 0x1f && data[at + 1] === 0x8b && data[at + 2] === 8 && data[at + 3] < 32) return at;
    }
    return -1;
  };

  const unpackBgzf = async (data, more) => {
    for (let at = 0; at + 18 < data.length && isBgzf(data, at);) {
      const end = at + (data[at + 16] | (data[at + 17] << 8)) + 1;
      if (end > data.length || !more(await unpack(data.subarray(at, end), "gzip", MAX_TEXT))) return;
      at = end;
    }
  };

  const unpackGzip = async (data, more) => {
    for (let at = 0; at >= 0; at = nextMember(data, at + 1)) {
      const piece = await unpack(data.subarray(at), "gzip", MAX_TEXT);
      if (piece.length && !more(piece)) return;
    }
  };

  window.readVcfHead = async (blob) => {
    const data = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
    const is = (kind, text, what) => ({ kind, text, foreign: what });
    if (foreign(data)) return is("foreign", "", foreign(data));
    if (!begins(data, [0x1f, 0x8b])) return is("plain", new TextDecoder().decode(data));
    const kind = isBgzf(data, 0) ? "bgzf" : "gzip";
    if (!("DecompressionStream" in window)) return is(kind, "");
    const decoder = new TextDecoder();
    let text = "", what;
    const more = (piece) => {
      if (!text) what = foreign(piece);
      text += decoder.decode(piece, { stream: true });
      return !what && text.length < MAX_TEXT && !/^#CHROM.*\n[^#]/m.test(text);
    };
    await (kind === "bgzf" ? unpackBgzf : unpackGzip)(data, more);
    return what ? is("foreign", "", what) : is(kind, text);
  };

  window.describeVcfHead = ({ kind, text }) => {
    const facts = [];
    const version = /^\ufeff?##fileformat=(?:VCFv)?(\S+)/.exec(text);
    if (version) facts.push(`VCF ${version[1]}, ${{ plain: "plain text", gzip: "gzip", bgzf: "BGZF" }[kind]}`);
    const columns = /^#CHROM.*$/m.exec(text);
    if (columns) {
      const samples = Math.max(0, columns[0].trimEnd().split("\t").length - 9);
      facts.push(samples === 1 ? "1 sample" : samples ? samples.toLocaleString("en-GB") + " samples" : "no samples");
    }
    const told = text.slice(0, columns ? columns.index : text.length).match(/^##(?:reference|assembly|contig|source|GATKCommandLine).*$/gim) || [];
    const named = ASSEMBLIES.filter(([, pattern]) => told.some((line) => pattern.test(line))).map(([name]) => name);
    if (named.length === 1) facts.push("header names " + named[0]);
    return { facts, version: version ? version[1] : "", assembly: named.length === 1 ? named[0] : "" };
  };
})();
