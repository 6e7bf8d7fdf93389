"""Ready-made filters: questions that nearly everybody asks first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

ACMG_VERSION: Final = "SF v3.2"
# Genes whose findings the American College of Medical Genetics recommends to report (Miller et al. 2023).
_ACMG: Final = """
APC RET BRCA1 BRCA2 PALB2 SDHD SDHAF2 SDHC SDHB MAX TMEM127 BMPR1A SMAD4 TP53 MLH1 MSH2 MSH6 PMS2 MEN1 MUTYH NF2 STK11
PTEN RB1 TSC1 TSC2 VHL WT1 FBN1 TGFBR1 TGFBR2 SMAD3 ACTA2 MYH11 PKP2 DSP DSC2 TMEM43 DSG2 RYR2 CASQ2 TRDN TNNT2 LMNA
FLNC TTN BAG3 DES RBM20 TNNC1 LDLR APOB PCSK9 MYH7 MYBPC3 TNNI3 TPM1 MYL3 ACTC1 PRKAG2 MYL2 KCNQ1 KCNH2 SCN5A CALM1
CALM2 CALM3 COL3A1 BTD GLA OTC GAA HFE ACVRL1 ENG RYR1 CACNA1S HNF1A RPE65 ATP7B TTR
"""
ACMG_GENES: Final = tuple(_ACMG.split())
RARE_BELOW: Final = 0.01


@dataclass(frozen=True)
class Preset:
    """A name for values of the filters; `needs` is the kind of column without which it finds nothing."""

    key: str
    title: str
    meaning: str
    values: dict[str, Any]
    needs: str = ""


PRESETS: Final = {
    preset.key: preset
    for preset in (
        Preset(
            "rare_damaging",
            "Rare and damaging",
            f"High or moderate impact, in less than {RARE_BELOW:.0%} of people or never seen",
            {"impact": ("HIGH", "MODERATE"), "af_below": RARE_BELOW},
        ),
        Preset(
            "clinvar_pathogenic",
            "ClinVar pathogenic",
            "Pathogenic or likely pathogenic in ClinVar",
            {"clinvar": ("Pathogenic", "Likely_pathogenic", "Pathogenic/Likely_pathogenic")},
            needs="clinvar",
        ),
        Preset(
            "loss_of_function",
            "Loss of function",
            "Stop gained, frameshift, lost start, or a splice site hit",
            {
                "consequence": (
                    "transcript_ablation",
                    "splice_acceptor_variant",
                    "splice_donor_variant",
                    "stop_gained",
                    "frameshift_variant",
                    "start_lost",
                )
            },
        ),
        Preset("acmg", "ACMG genes", f"The {len(ACMG_GENES)} genes of ACMG {ACMG_VERSION}", {"gene": ACMG_GENES}),
    )
}
