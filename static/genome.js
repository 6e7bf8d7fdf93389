// igv.js over a result, loaded when it is asked for. What it may read is in the element's data; all of it is from here.
"use strict";

(() => {
  const host = document.querySelector("[data-igv]");
  if (!host) return;
  const button = document.querySelector("#genome-show");
  const status = document.querySelector("#genome-status");
  const from = JSON.parse(document.getElementById(host.dataset.igv).textContent);

  function loadScript(address) {
    return new Promise((loaded, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = loaded;
      script.onerror = () => failed(new Error("igv.js did not load"));
      document.head.append(script);
    });
  }

  function settings() {
    const reference = { id: from.name, name: from.name, fastaURL: from.sequence, indexURL: from.index, aliasURL: from.aliases };
    if (from.bands) reference.cytobandURL = from.bands;
    const genes = {
      url: ({ chr, start, end }) => `${from.genes}?${new URLSearchParams({ contig: chr, start, end })}`,
      contentType: "application/json",
      queryable: true,
    };
    return {
      reference,
      locus: from.locus,
      // igv.js would ask its makers for genomes, gene names and shared sessions: nothing leaves this service.
      loadDefaultGenomes: false,
      genomeList: [],
      showDefaultTracks: false,
      search: false,
      queryParametersSupported: false,
      tracks: [
        { name: from.vcfName, type: "variant", format: "vcf", url: from.vcf, indexURL: from.vcfIndex, displayMode: "EXPANDED", showGenotypes: false, order: 1 },
        { name: "Genes", type: "annotation", sourceType: "custom", source: genes, visibilityWindow: from.geneWindow, displayMode: "EXPANDED", order: 2 },
      ],
    };
  }

  async function show() {
    if (button) button.disabled = true;
    status.textContent = "Loading the genome browser …";
    try {
      if (!window.igv) await loadScript(host.dataset.script);
      host.hidden = false;
      await window.igv.createBrowser(host, settings());
      status.textContent = "";
      if (button) button.hidden = true;
      host.dataset.ready = "true";
    } catch (error) {
      if (button) button.disabled = false;
      status.textContent = `The genome browser could not be shown: ${error.message || error}`;
    }
  }

  if (button) button.addEventListener("click", show);
  else show();
})();
