/* data_lists.c - names, places and codes of made-up people. EUPL-1.2. */
#include "app/demo/data_lists.h"

#define LIST(name) const size_t name##_n = COUNT(name)

const char *const data_given_f[] = {
    "Anna",      "Fatima",  "Johanna", "Sanne",   "Maria",   "Emine",     "Lotte",
    "Willemijn", "Aaltje",  "Noor",    "Grietje", "Yasmina", "Elisabeth", "Femke",
    "Saskia",    "Rachida", "Jacoba",  "Mei-Lin", "Roos",    "Ingrid",
};
LIST(data_given_f);
const char *const data_given_m[] = {
    "Pieter",  "Mohammed", "Johannes", "Daan",   "Cornelis", "Mehmet", "Bram",
    "Hendrik", "Sem",      "Youssef",  "Gerrit", "Ruben",    "Willem", "Sjoerd",
    "Dirk",    "Ahmed",    "Jacobus",  "Kees",   "Thijs",    "Erik",
};
LIST(data_given_m);
const struct data_family data_families[] = {
    { "", "Jansen" },  { "de", "Vries" },   { "van den", "Berg" }, { "", "Bakker" },
    { "van", "Dijk" }, { "", "Visser" },    { "", "Smit" },        { "de", "Boer" },
    { "", "Mulder" },  { "de", "Groot" },   { "", "Bos" },         { "", "Yılmaz" },
    { "", "Peters" },  { "", "El Amrani" }, { "van", "Leeuwen" },  { "", "Dekker" },
    { "", "Brouwer" }, { "de", "Wit" },     { "", "Dijkstra" },    { "van der", "Meer" },
    { "", "Kaya" },    { "", "Hoekstra" },  { "van 't", "Hof" },   { "", "Postma" },
    { "", "Benali" },
};
LIST(data_families);
const struct data_place data_places[] = {
    { "Lindelaan", "Vlietdam", "9990 AB" },
    { "Kerkstraat", "Vlietdam", "9990 CD" },
    { "Dorpsstraat", "Oosterwoud", "9991 EG" },
    { "Molenweg", "Oosterwoud", "9991 HK" },
    { "Prinsengracht", "Nieuwhaven", "9992 LM" },
    { "Stationsplein", "Nieuwhaven", "9992 NP" },
    { "Wilgenpad", "Vlietdam", "9990 RS" },
    { "Schoolstraat", "Oosterwoud", "9991 TV" },
};
LIST(data_places);
/* SNOMED CT */
const struct data_code data_conditions[] = {
    { "44054006", "Diabetes mellitus type 2" },
    { "38341003", "Hypertensie" },
    { "13645005", "Chronische obstructieve longziekte" },
    { "195967001", "Astma" },
    { "84114007", "Hartfalen" },
    { "49436004", "Atriumfibrilleren" },
    { "53741008", "Coronairsclerose" },
    { "230690007", "Cerebrovasculair accident" },
    { "396275006", "Artrose" },
    { "69896004", "Reumatoïde artritis" },
    { "64859006", "Osteoporose" },
    { "709044004", "Chronische nierschade" },
    { "35489007", "Depressieve stoornis" },
    { "26929004", "Ziekte van Alzheimer" },
    { "49049000", "Ziekte van Parkinson" },
    { "40930008", "Hypothyreoïdie" },
    { "235595009", "Gastro-oesofageale refluxziekte" },
    { "13644009", "Hypercholesterolemie" },
    { "254837009", "Maligne tumor van de mamma" },
    { "5370000", "Dreigende val" },
};
LIST(data_conditions);
const struct data_code data_allergens[] = {
    { "764146007", "Penicilline" },
    { "387406002", "Sulfonamide" },
    { "387458008", "Acetylsalicylzuur" },
    { "256349002", "Pinda" },
    { "111088007", "Latex" },
    { "288328004", "Bijengif" },
    { "372687004", "Amoxicilline" },
    { "256277009", "Graspollen" },
};
LIST(data_allergens);
const struct data_code data_reactions[] = {
    { "271807003", "Huiduitslag" },
    { "126485001", "Urticaria" },
    { "39579001", "Anafylaxie" },
    { "422587007", "Misselijkheid" },
};
LIST(data_reactions);
/* ATC, and the condition that it is given for */
const struct data_drug data_drugs[] = {
    { "A10BA02", "Metformine tablet 500 mg", "500 mg", "tablet", 1, 2, 0 },
    { "A10AE04", "Insuline glargine 100 E/ml", "100 E/ml", "IE", 18, 1, 0 },
    { "C09AA02", "Enalapril tablet 10 mg", "10 mg", "tablet", 1, 1, 1 },
    { "C07AB02", "Metoprolol retard tablet 50 mg", "50 mg", "tablet", 1, 1, 1 },
    { "R03BB04", "Tiotropium inhalatiepoeder 18 µg", "18 µg", "inhalatie", 1, 1, 2 },
    { "R03AC02", "Salbutamol aerosol 100 µg", "100 µg", "inhalatie", 2, 4, 3 },
    { "C03CA01", "Furosemide tablet 40 mg", "40 mg", "tablet", 1, 1, 4 },
    { "B01AF02", "Apixaban tablet 5 mg", "5 mg", "tablet", 1, 2, 5 },
    { "B01AC08", "Carbasalaatcalcium 100 mg", "100 mg", "sachet", 1, 1, 6 },
    { "B01AC04", "Clopidogrel tablet 75 mg", "75 mg", "tablet", 1, 1, 7 },
    { "N02BE01", "Paracetamol tablet 500 mg", "500 mg", "tablet", 2, 3, 8 },
    { "L04AX03", "Methotrexaat tablet 2,5 mg", "2,5 mg", "tablet", 4, 1, 9 },
    { "M05BA04", "Alendroninezuur tablet 70 mg", "70 mg", "tablet", 1, 1, 10 },
    { "N06AB04", "Citalopram tablet 20 mg", "20 mg", "tablet", 1, 1, 12 },
    { "N06DA03", "Rivastigmine pleister 9,5 mg/24 uur", "9,5 mg", "pleister", 1, 1, 13 },
    { "N04BA02", "Levodopa/carbidopa 100/25 mg", "100/25 mg", "tablet", 1, 3, 14 },
    { "H03AA01", "Levothyroxine tablet 75 µg", "75 µg", "tablet", 1, 1, 15 },
    { "A02BC01", "Omeprazol capsule 20 mg", "20 mg", "capsule", 1, 1, 16 },
    { "C10AA01", "Simvastatine tablet 40 mg", "40 mg", "tablet", 1, 1, 17 },
    { "L02BG04", "Letrozol tablet 2,5 mg", "2,5 mg", "tablet", 1, 1, 18 },
};
LIST(data_drugs);
/* CVX-free: the Dutch programme by SNOMED CT substance */
const struct data_code data_vaccines[] = {
    { "871751006", "Influenzavaccin" },    { "1119349007", "COVID-19-vaccin" },
    { "871768005", "Pneumokokkenvaccin" }, { "871831003", "DKTP-vaccin" },
    { "871765008", "BMR-vaccin" },         { "871804007", "Gordelroosvaccin" },
};
LIST(data_vaccines);
const struct data_code data_procedures[] = {
    { "52734007", "Totale heupprothese" },
    { "179344006", "Totale knieprothese" },
    { "80146002", "Appendectomie" },
    { "232717009", "Coronaire bypass" },
    { "54885007", "Cataractoperatie" },
    { "392021009", "Lumpectomie van de mamma" },
    { "38102005", "Cholecystectomie" },
    { "415070008", "Percutane coronaire interventie" },
};
LIST(data_procedures);
const struct data_code data_devices[] = {
    { "266731002", "Rollator" }, { "6012004", "Gehoorapparaat" },
    { "50582007", "Bril" },      { "360063003", "Antidecubitusmatras" },
    { "14106009", "Pacemaker" },
};
LIST(data_devices);
const struct data_code data_diets[] = {
    { "160670007", "Diabetesdieet" },
    { "386619000", "Natriumbeperkt dieet" },
    { "437421000124105", "Eiwitverrijkt dieet" },
};
LIST(data_diets);
const struct data_lab data_labs[] = {
    { "4548-4", "Hemoglobine A1c", "mmol/mol", 38, 79, 0 },
    { "62238-1", "eGFR (CKD-EPI)", "mL/min/{1.73_m2}", 28, 90, 0 },
    { "2823-3", "Kalium", "mmol/L", 34, 53, 1 },
    { "2951-2", "Natrium", "mmol/L", 132, 146, 0 },
    { "718-7", "Hemoglobine", "mmol/L", 65, 105, 1 },
    { "13457-7", "LDL-cholesterol", "mmol/L", 15, 48, 1 },
    { "1988-5", "CRP", "mg/L", 1, 60, 0 },
    { "3016-3", "TSH", "mU/L", 4, 60, 1 },
};
LIST(data_labs);
