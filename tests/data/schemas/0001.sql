PRAGMA user_version = 0;
BEGIN TRANSACTION;
CREATE TABLE alerts (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	monitor TEXT NOT NULL, 
	deployment TEXT NOT NULL, 
	subject_id TEXT NOT NULL, 
	start_us BIGINT NOT NULL, 
	end_us BIGINT NOT NULL, 
	message TEXT NOT NULL, 
	raised_us BIGINT NOT NULL, 
	CONSTRAINT pk_alerts PRIMARY KEY (id), 
	CONSTRAINT uq_alerts_project_id_monitor_start_us_end_us UNIQUE (project_id, monitor, start_us, end_us)
);
INSERT INTO "alerts" VALUES('sample','01a1ff66783574a689316203e27f75db','rate','flights','01a1ff6677db7bfabc373f2385f75fcc',1356998400000000,1357344000000000,'rate, 2013-01-01 to 2013-01-05: observed 0.125, predicted 1.000 over 16 predictions; observed rate is 0.875 below the predicted: p 0.002 is at most 0.041, and the gap at least 0.000',1357365600000000);
CREATE TABLE assets (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	attributes JSON NOT NULL, 
	execution_id TEXT NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_assets PRIMARY KEY (id)
);
INSERT INTO "assets" VALUES('sample','01a1ff6674127dbba453aab8837ddb9f','source','weather rows','01a5457138ccf9d50364b65bf3728c0ec51374cbcc74ae93d3f85c010275262f','{"n_rows":8}','01a1ff667410794fab66e7b89e1a6877',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6674167d33be3c5dc2de70cd29','commit','weather','01a5457138ccf9d50364b65bf3728c0ec51374cbcc74ae93d3f85c010275262f','{"group":"weather","version":1,"revision":1,"group_id":"01a1ff6673e6748ba0e330db99261922","columns":{"origin":"string","observed_at":"datetime","wind":"float64"},"ticket":58827940392878433,"table":"features_weather_v1_99261922","n_rows":8,"n_deletes":0,"min_event":"2013-01-01T00:00:00+00:00","max_event":"2013-01-01T03:00:00+00:00"}','01a1ff6674167bf29670bbe0e0a32dfd',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff66742574788207ef92a7a2aa87','source','weather rows','181bc6c9bb03616e95ab10a9213a444016a5aa4e7636c75fc7fc3ca6f6e4f697','{"n_rows":1}','01a1ff667425732c9f7410b5fe7fc9ba',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff667427727fa5da38c5e45264eb','commit','weather','181bc6c9bb03616e95ab10a9213a444016a5aa4e7636c75fc7fc3ca6f6e4f697','{"group":"weather","version":1,"revision":1,"group_id":"01a1ff6673e6748ba0e330db99261922","columns":{"origin":"string","observed_at":"datetime","wind":"float64"},"ticket":58827940394080729,"table":"features_weather_v1_99261922","n_rows":1,"n_deletes":1,"min_event":"2013-01-01T00:00:00+00:00","max_event":"2013-01-01T00:00:00+00:00"}','01a1ff6674277156899987a5722df42c',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6674297a52801e5b3a11a2d7aa','feature_view','lateness','6889417c96c1f1e1ab700679731f1f652be814e40e1a3c1e1b00bc1a80a2c6b1','{"name":"lateness","version":1,"parts":[{"group":"weather","version":1,"columns":["wind"],"on":{},"prefix":"","static":false,"hidden":false},{"columns":{"distance":null}}],"label":null,"on_demand":[],"spine_time":"scheduled_at","description":""}','01a1ff66742a79dfb196fd6bd09ebe8d',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6674407df5b501910a56fd5284','source','lateness spine rows','74ecde0f66101bc21bc36053db5a8de1e790e14c4bbb0fd50492cc54c43d4b23','{"n_rows":8}','01a1ff6674407c988149d1b5345470ee',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6674497452a044689cf5402dc4','training_dataset','lateness','d4bfa15a6c15ea3ff64024d3235f354bb7851e954801c41cf82d0fcc163ac4c9','{"view":"lateness","view_version":1,"view_id":"01a1ff6674297a52801e5b3a11a2d7aa","features":["wind","distance"],"label":null,"spine_time":"scheduled_at","row_key":["origin","scheduled_at","distance"],"blob":"ef0e3f17c65d1dafda06031dda9c81a058abc36a6816daa7389f6e9ba55cf02d","provenance":"e2bd35ed5f8e6eefb931d5c8c1389e6be14a53b04c6772c5b52220bd6ebb358c","content":"935620fb87b1fa6bd5e61b43280cf7e62f81001dad565d3d5f02cb1a96007066","pins":{"weather@1":2},"as_of":null,"split":{"kind":"random","test_from":null,"validation_from":null,"gap_s":0.0,"test":0.3,"validation":0.0,"column":null},"seed":1,"counts":{"train":8},"n_unlabelled":0,"n_gap":0,"report":{"weather":{"n_rows":8,"n_matched":7,"n_missing":1,"n_expired":0,"n_null_keys":0,"n_simultaneous":7,"n_group_null_keys":0,"n_group_unknown":0,"max_event_us":1357009200000000,"min_lag_us":0}}}','01a1ff6674497273bfcb6b24fa36484a',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff66760e71f29e92ae88c9108545','model_package','lateness','2f6416497dc8d8cc0645dc89f75ce419d559fac3cbf82f8366d6890150ad09d2','{"format":"skops"}','01a1ff66760e709988524b1a4ed396c3',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff66760e726f971d2068473bce69','model_version','lateness','c7b4774285b660f452b36e52ff1a515036cc52b619fe54a151d2a9abc22654bc','{"number":1,"package_id":"01a1ff66760e71f29e92ae88c9108545","package_digest":"2f6416497dc8d8cc0645dc89f75ce419d559fac3cbf82f8366d6890150ad09d2"}','01a1ff66760e709988524b1a4ed396c3',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6676c972a0891df701957bbc11','model_package','lateness','a5dad69d80554b92f3a1aeb7cd77e6f7acffbc24250387b50f7e273fc3530f6d','{"format":"skops"}','01a1ff6676c97165a2385c9fd208babe',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6676c9732aa9195094c6bc0917','model_version','lateness','5c832c4127323a48f19a3c06a93411cfc4e6dae14d7150d1441257b93f9838c8','{"number":2,"package_id":"01a1ff6676c972a0891df701957bbc11","package_digest":"a5dad69d80554b92f3a1aeb7cd77e6f7acffbc24250387b50f7e273fc3530f6d"}','01a1ff6676c97165a2385c9fd208babe',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6676f7778392cfd8a7ee0ef0f5','artifact','notes.txt','975d51256d3dd390df7c99b5bde670d2dc1d4ae2125acd3026f20a6d4604d3c5','{"size_bytes":50,"run_id":"01a1ff6676cb7c42851d62037e7a0a95"}','01a1ff6676cb7c42851d62037e7a0a95',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6676cb7cfaba530939b2f364d3','run','first','e6dd377784ab0fc6bc65dcb6654cd9866c5490e5e703a3351a30a02cb6373899','{"experiment":"trials","number":1,"params":{"depth":3},"metrics":{"auc":"nan"},"artifacts":{"notes.txt":"975d51256d3dd390df7c99b5bde670d2dc1d4ae2125acd3026f20a6d4604d3c5"}}','01a1ff6676cb7c42851d62037e7a0a95',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6677027473957caa523a055ecb','policy','production','4e741a249d84d0234a7712fd924ffb20f905050f09be352b17c3ae97cb87c709','{"environment":"production","alias":"champion","require":[{"kind":"check.metric","with":{"metric":"roc_auc","at_least":0.5},"rows":"any","max_age_days":null,"unless_first":false}],"description":""}','01a1ff66770271bca21a62cf48723354',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6677257cc2aa49fc83a4be06e8','evidence','roc_auc at least 0.5','a0cc7a33d31d7524601329a05cf9703fdedd3eb3aeab5459c4f326b49c01affd','{"subject_id":"01a1ff66760e726f971d2068473bce69","kind":"check.metric","verdict":"pass"}','01a1ff66772578ef83141df860c65d64',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff667726718a932b4ccb0ad18c0d','report','evaluation of lateness/1','2c0b5a71bf034935a3360afd02573b45fe3cb7ce71bd36509ad1823ecdc8c2e3','{"version":"lateness/1","dataset_digest":"4caba211a1db2d05d2b0ef1de56b9e3a2af7232d1591d6cc059804d03ccff711","n_rows":200,"n_unlabelled":0,"rows":{"origin":"unknown","n_training":null,"why":"the version does not name a training dataset of a feature view"},"evidence":["01a1ff6677257cc2aa49fc83a4be06e8"],"overview":{"roc_auc":{"value":0.9748597756410255,"low":0.9532068233051535,"high":0.9866335982723733,"level":0.95,"method":"delong","n_rows":200,"n_positives":104,"n_clusters":null},"average_precision":{"value":0.9781677440071874,"low":0.961675954757582,"high":0.9891071038279085,"level":0.95,"method":"bootstrap","n_rows":200,"n_positives":104,"n_clusters":null},"brier":{"value":0.07098120438486785,"low":0.05388756658127348,"high":0.09228829504751339,"level":0.95,"method":"bootstrap","n_rows":200,"n_positives":104,"n_clusters":null},"log_loss":{"value":0.2299785916838163,"low":0.18671294199759572,"high":0.28616800030785106,"level":0.95,"method":"bootstrap","n_rows":200,"n_positives":104,"n_clusters":null},"calibration":[{"low":6.768101141764059e-06,"high":0.004512270092262411,"n_rows":20,"predicted":0.0013549399958474285,"observed":0.0,"observed_low":0.0,"observed_high":0.16112515805281938},{"low":0.005320726493620044,"high":0.02234999144793257,"n_rows":20,"predicted":0.010329832116048961,"observed":0.0,"observed_low":0.0,"observed_high":0.16112515805281938},{"low":0.02288109997213654,"high":0.09758367546782197,"n_rows":20,"predicted":0.051581381485708434,"observed":0.0,"observed_low":0.0,"observed_high":0.16112515805281938},{"low":0.09954986346374176,"high":0.25898084460618437,"n_rows":20,"predicted":0.1695803301027464,"observed":0.1,"observed_low":0.027866481213768224,"observed_high":0.3010336452284873},{"low":0.26391671870917066,"high":0.47242791191349526,"n_rows":20,"predicted":0.37595193304442864,"observed":0.65,"observed_low":0.43285427668523624,"observed_high":0.818808175898918},{"low":0.474877569442101,"high":0.676793485026222,"n_rows":20,"predicted":0.5690011712165183,"observed":0.45,"observed_low":0.2581978582556243,"observed_high":0.6579146575496577},{"low":0.6795096682683737,"high":0.8266264398216168,"n_rows":20,"predicted":0.7411319369532935,"observed":1.0,"observed_low":0.8388748419471806,"observed_high":1.0},{"low":0.8300085830611446,"high":0.9448398615104933,"n_rows":20,"predicted":0.9030344339687518,"observed":1.0,"observed_low":0.8388748419471806,"observed_high":1.0},{"low":0.9480558645303839,"high":0.9789108699715396,"n_rows":20,"predicted":0.9680845416564378,"observed":1.0,"observed_low":0.8388748419471806,"observed_high":1.0},{"low":0.9793845534628075,"high":0.999996270779143,"n_rows":20,"predicted":0.9941822530147529,"observed":1.0,"observed_low":0.8388748419471806,"observed_high":1.0}],"precision_recall":[{"threshold":6.768101141764059e-06,"precision":0.52,"recall":1.0},{"threshold":1.9339236217888514e-05,"precision":0.5252525252525253,"recall":1.0},{"threshold":8.893898124260943e-05,"precision":0.5306122448979592,"recall":1.0},{"threshold":0.0005979755785173363,"precision":0.5360824742268041,"recall":1.0},{"threshold":0.0007587142178524408,"precision":0.5416666666666666,"recall":1.0},{"threshold":0.0007633556245124306,"precision":0.5473684210526316,"recall":1.0},{"threshold":0.0011828753836501224,"precision":0.5531914893617021,"recall":1.0},{"threshold":0.0014823223786484042,"precision":0.5591397849462365,"recall":1.0},{"threshold":0.0033077478680197028,"precision":0.5652173913043478,"recall":1.0},{"threshold":0.004207463704071895,"precision":0.5714285714285714,"recall":1.0},{"threshold":0.005320726493620044,"precision":0.5777777777777777,"recall":1.0},{"threshold":0.006058583411950438,"precision":0.5842696629213483,"recall":1.0},{"threshold":0.006485991729386843,"precision":0.5909090909090909,"recall":1.0},{"threshold":0.00713714165942139,"precision":0.5977011494252874,"recall":1.0},{"threshold":0.007581289553746565,"precision":0.6046511627906976,"recall":1.0},{"threshold":0.009286483271768318,"precision":0.611764705882353,"recall":1.0},{"threshold":0.009930665787988367,"precision":0.6190476190476191,"recall":1.0},{"threshold":0.011531730161141472,"precision":0.6265060240963856,"recall":1.0},{"threshold":0.016008784142825482,"precision":0.6341463414634146,"recall":1.0},{"threshold":0.018835671229459977,"precision":0.6419753086419753,"recall":1.0},{"threshold":0.02288109997213654,"precision":0.65,"recall":1.0},{"threshold":0.023216634532470675,"precision":0.6582278481012658,"recall":1.0},{"threshold":0.029709850540100804,"precision":0.6666666666666666,"recall":1.0},{"threshold":0.03618923294097655,"precision":0.6753246753246753,"recall":1.0},{"threshold":0.04403413066978162,"precision":0.6842105263157895,"recall":1.0},{"threshold":0.05046823677787078,"precision":0.6933333333333334,"recall":1.0},{"threshold":0.05547530726104475,"precision":0.7027027027027027,"recall":1.0},{"threshold":0.06851802850339847,"precision":0.7123287671232876,"recall":1.0},{"threshold":0.07719009239312874,"precision":0.7222222222222222,"recall":1.0},{"threshold":0.09173455286556853,"precision":0.7323943661971831,"recall":1.0},{"threshold":0.09954986346374176,"precision":0.7428571428571429,"recall":1.0},{"threshold":0.10262237236023744,"precision":0.7536231884057971,"recall":1.0},{"threshold":0.12338929152742095,"precision":0.7647058823529411,"recall":1.0},{"threshold":0.1355291833342303,"precision":0.7761194029850746,"recall":1.0},{"threshold":0.15045165777674785,"precision":0.7878787878787878,"recall":1.0},{"threshold":0.1813014388710806,"precision":0.7923076923076923,"recall":0.9903846153846154},{"threshold":0.19113670229326543,"precision":0.8046875,"recall":0.9903846153846154},{"threshold":0.2062176952134356,"precision":0.8095238095238095,"recall":0.9807692307692307},{"threshold":0.22940279965924232,"precision":0.8225806451612904,"recall":0.9807692307692307},{"threshold":0.24289279884031761,"precision":0.8360655737704918,"recall":0.9807692307692307},{"threshold":0.26391671870917066,"precision":0.85,"recall":0.9807692307692307},{"threshold":0.28802801103973336,"precision":0.8559322033898306,"recall":0.9711538461538461},{"threshold":0.31256672758751797,"precision":0.8620689655172413,"recall":0.9615384615384616},{"threshold":0.3414435907773778,"precision":0.868421052631579,"recall":0.9519230769230769},{"threshold":0.3632921595795242,"precision":0.875,"recall":0.9423076923076923},{"threshold":0.3858272738115721,"precision":0.8909090909090909,"recall":0.9423076923076923},{"threshold":0.4083797674285648,"precision":0.8981481481481481,"recall":0.9326923076923077},{"threshold":0.4185694894774976,"precision":0.8962264150943396,"recall":0.9134615384615384},{"threshold":0.4433847465113119,"precision":0.8942307692307693,"recall":0.8942307692307693},{"threshold":0.46408127653383613,"precision":0.8921568627450981,"recall":0.875},{"threshold":0.474877569442101,"precision":0.89,"recall":0.8557692307692307},{"threshold":0.4976672330873666,"precision":0.8979591836734694,"recall":0.8461538461538461},{"threshold":0.5154983736075581,"precision":0.9166666666666666,"recall":0.8461538461538461},{"threshold":0.5236961674654568,"precision":0.925531914893617,"recall":0.8365384615384616},{"threshold":0.529296435103524,"precision":0.9456521739130435,"recall":0.8365384615384616},{"threshold":0.574838119940013,"precision":0.9555555555555556,"recall":0.8269230769230769},{"threshold":0.5839522425954837,"precision":0.9545454545454546,"recall":0.8076923076923077},{"threshold":0.6377211062762925,"precision":0.9767441860465116,"recall":0.8076923076923077},{"threshold":0.6508915930415504,"precision":0.9880952380952381,"recall":0.7980769230769231},{"threshold":0.6649078092591953,"precision":1.0,"recall":0.7884615384615384},{"threshold":0.6795096682683737,"precision":1.0,"recall":0.7692307692307693},{"threshold":0.6862553378087355,"precision":1.0,"recall":0.75},{"threshold":0.691994331296192,"precision":1.0,"recall":0.7307692307692307},{"threshold":0.7195948893586281,"precision":1.0,"recall":0.7115384615384616},{"threshold":0.7281938935742541,"precision":1.0,"recall":0.6923076923076923},{"threshold":0.742728928564281,"precision":1.0,"recall":0.6730769230769231},{"threshold":0.7560407076971328,"precision":1.0,"recall":0.6538461538461539},{"threshold":0.7683349893440641,"precision":1.0,"recall":0.6346153846153846},{"threshold":0.7879049538100701,"precision":1.0,"recall":0.6153846153846154},{"threshold":0.8117474437638901,"precision":1.0,"recall":0.5961538461538461},{"threshold":0.8300085830611446,"precision":1.0,"recall":0.5769230769230769},{"threshold":0.8564621855569491,"precision":1.0,"recall":0.5576923076923077},{"threshold":0.8767408209328279,"precision":1.0,"recall":0.5384615384615384},{"threshold":0.8900743687944653,"precision":1.0,"recall":0.5192307692307693},{"threshold":0.905037643325724,"precision":1.0,"recall":0.5},{"threshold":0.9067916477598126,"precision":1.0,"recall":0.4807692307692308},{"threshold":0.9233738890205365,"precision":1.0,"recall":0.46153846153846156},{"threshold":0.9301766997117374,"precision":1.0,"recall":0.4423076923076923},{"threshold":0.9352246643178211,"precision":1.0,"recall":0.4230769230769231},{"threshold":0.9429113360696962,"precision":1.0,"recall":0.40384615384615385},{"threshold":0.9480558645303839,"precision":1.0,"recall":0.38461538461538464},{"threshold":0.94917528818183,"precision":1.0,"recall":0.36538461538461536},{"threshold":0.9584471835779349,"precision":1.0,"recall":0.34615384615384615},{"threshold":0.9666989481902439,"precision":1.0,"recall":0.3269230769230769},{"threshold":0.9698251804972849,"precision":1.0,"recall":0.3076923076923077},{"threshold":0.9732389487159112,"precision":1.0,"recall":0.28846153846153844},{"threshold":0.9754238644650223,"precision":1.0,"recall":0.2692307692307692},{"threshold":0.9761033591162886,"precision":1.0,"recall":0.25},{"threshold":0.9778856536432741,"precision":1.0,"recall":0.23076923076923078},{"threshold":0.9788365567788708,"precision":1.0,"recall":0.21153846153846154},{"threshold":0.9793845534628075,"precision":1.0,"recall":0.19230769230769232},{"threshold":0.9839840613236035,"precision":1.0,"recall":0.17307692307692307},{"threshold":0.9894540505339551,"precision":1.0,"recall":0.15384615384615385},{"threshold":0.9946571801279117,"precision":1.0,"recall":0.1346153846153846},{"threshold":0.9951558459505222,"precision":1.0,"recall":0.11538461538461539},{"threshold":0.9966860072012264,"precision":1.0,"recall":0.09615384615384616},{"threshold":0.9985927796891093,"precision":1.0,"recall":0.07692307692307693},{"threshold":0.9994946299044846,"precision":1.0,"recall":0.057692307692307696},{"threshold":0.9998327163809467,"precision":1.0,"recall":0.038461538461538464},{"threshold":0.999996270779143,"precision":1.0,"recall":0.009615384615384616}]}}','01a1ff66772578ef83141df860c65d64',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff66772c78459b79db68b0a38a12','evidence','production gate','a416c2086ff3496ea043cfbf082b99eb6b6f1dbddb9b2d16840cb4623051dd21','{"subject_id":"01a1ff66760e726f971d2068473bce69","kind":"gate.decision","verdict":"pass"}','01a1ff66772c76abac7f06b1393564bc',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6677be742da8d31fe5a539d9bb','artifact','numbers','feac98c97dbb20c398a3f86b39d8b06c42bc6ea4d326447da3366e7c4f2a84c9','{"type":"polars.dataframe.frame.DataFrame","materializer":"frame","blobs":[{"sha256":"0a8a00b2fdd549a3c8f7a878cf8b4756be7a2879c86a2cc8201b94f6098c62b5","size_bytes":476}]}','01a1ff6677b9795f99699e7c66c1145a',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff6677db7bfabc373f2385f75fcc','deployment_revision','flights','ca688d052b7c784f24a8b7821cc4ae59b4fe248d9beabc040848997ed97e6106','{"id":"01a1ff6677db7bfabc373f2385f75fcc","deployment":"flights","number":1,"model":"lateness","model_version":1,"version_id":"01a1ff66760e726f971d2068473bce69","package_id":"01a1ff66760e71f29e92ae88c9108545","view":"lateness","view_version":1,"view_id":"01a1ff6674297a52801e5b3a11a2d7aa","cause":"create","restores":null,"reason":"","actor":"user:sample","epoch":1,"created_at":"2013-01-01T00:00:00Z"}','01a1ff6677df7dddb990ce4509770c73',1356998400000000);
INSERT INTO "assets" VALUES('sample','01a1ff66783574a689316203e27f75db','evidence','rate','87b3ad550058436094bc35bf4b34c88ed35bebf511ad81461c8cdf82e2361b6b','{"subject_id":"01a1ff6677db7bfabc373f2385f75fcc","kind":"monitor","verdict":"fail"}','01a1ff6678347fe0b1e441d3856c9ee5',1357365600000000);
INSERT INTO "assets" VALUES('sample','01a1ff66784470879bfa9e28fc323778','rollout','flights','ab1268b006ad4c1b1a855801b928cfe166bdd5a199d34120e16f24f61ea396d2','{"id":"01a1ff66784470879bfa9e28fc323778","deployment":"flights","kind":"shadow","champion_id":"01a1ff6677db7bfabc373f2385f75fcc","candidate":"lateness","candidate_version":2,"candidate_id":"01a1ff6676c9732aa9195094c6bc0917","created_at":"2013-01-05T06:00:00Z"}','01a1ff66784675ffafaabf10214b9bec',1357365600000000);
INSERT INTO "assets" VALUES('sample','01a1ff66785475a4ad586bb0efde16c7','deployment_revision','flights','52897c7772a1825e83f5b3185188e26e4ccfd5e45cdbc35135f0524d2b083315','{"id":"01a1ff66785475a4ad586bb0efde16c7","deployment":"flights","number":2,"model":"lateness","model_version":2,"version_id":"01a1ff6676c9732aa9195094c6bc0917","package_id":"01a1ff6676c972a0891df701957bbc11","view":"lateness","view_version":1,"view_id":"01a1ff6674297a52801e5b3a11a2d7aa","cause":"promote","restores":null,"reason":"","actor":"user:sample","epoch":3,"created_at":"2013-01-05T06:00:00Z"}','01a1ff66785774f8b7f93d211ad73358',1357365600000000);
INSERT INTO "assets" VALUES('sample','01a1ff6678997e6688d03a65c9fbf43f','artifact','numbers','acf16027081df09da6551ed2d906fdaf6dc2e5e4f540db71061f55cdfb5f7eda','{"type":"polars.dataframe.frame.DataFrame","materializer":"frame","blobs":[{"sha256":"ed5bb5778eca9df65291c9d40b0eb08e19de0baf5a9a455c81f6a8bdf2769cf0","size_bytes":468}]}','01a1ff6678967419a393f6e9173e4213',1357365600000000);
CREATE TABLE deployment_revisions (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	deployment TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	model TEXT NOT NULL, 
	model_version BIGINT NOT NULL, 
	version_id TEXT NOT NULL, 
	package_id TEXT NOT NULL, 
	"view" TEXT NOT NULL, 
	view_version BIGINT NOT NULL, 
	view_id TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	restores TEXT, 
	reason TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	epoch BIGINT NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_deployment_revisions PRIMARY KEY (id), 
	CONSTRAINT uq_deployment_revisions_project_id_deployment_number UNIQUE (project_id, deployment, number)
);
INSERT INTO "deployment_revisions" VALUES('sample','01a1ff6677db7bfabc373f2385f75fcc','flights',1,'lateness',1,'01a1ff66760e726f971d2068473bce69','01a1ff66760e71f29e92ae88c9108545','lateness',1,'01a1ff6674297a52801e5b3a11a2d7aa','create',NULL,'','user:sample',1,1356998400000000);
INSERT INTO "deployment_revisions" VALUES('sample','01a1ff66785475a4ad586bb0efde16c7','flights',2,'lateness',2,'01a1ff6676c9732aa9195094c6bc0917','01a1ff6676c972a0891df701957bbc11','lateness',1,'01a1ff6674297a52801e5b3a11a2d7aa','promote',NULL,'','user:sample',3,1357365600000000);
CREATE TABLE event_cursors (
	project_id TEXT NOT NULL, 
	reader TEXT NOT NULL, 
	place BIGINT NOT NULL, 
	CONSTRAINT pk_event_cursors PRIMARY KEY (project_id, reader)
);
INSERT INTO "event_cursors" VALUES('sample','trigger:recount',24);
CREATE TABLE events (
	project_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	schema_version BIGINT NOT NULL, 
	subject TEXT NOT NULL, 
	execution TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	on_behalf_of TEXT, 
	occurred_us BIGINT NOT NULL, 
	recorded_us BIGINT NOT NULL, 
	payload JSON NOT NULL, 
	sha256 TEXT NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (seq), 
	CONSTRAINT uq_events_id UNIQUE (id)
);
INSERT INTO "events" VALUES('sample',1,'01a1ff667414773d9abbd9b76a226e7b','execution.completed',1,'01a1ff667410794fab66e7b89e1a6877','01a1ff667410794fab66e7b89e1a6877','user:sample',NULL,1356998400000000,1795286266900463,'{"kind":"receive","name":"weather rows"}','f3b50d222adc5d2b1fbf329a7b04010fda5c3b40deae429735d45e4cdf739951');
INSERT INTO "events" VALUES('sample',2,'01a1ff6674167df4859fae3a720e0e6d','commit.published',1,'01a1ff6674167d33be3c5dc2de70cd29','01a1ff6674167bf29670bbe0e0a32dfd','user:sample',NULL,1356998400000000,1795286266902879,'{"group":"weather@1","ticket":58827940392878433,"n_rows":8,"n_deletes":0,"n_failed":0}','f975cbce73bdcd48a8d599dde1b538e5f2142a5ae0cc963d4e538301c5c6c379');
INSERT INTO "events" VALUES('sample',3,'01a1ff6674257a16ad42a07f7c621421','execution.completed',1,'01a1ff667425732c9f7410b5fe7fc9ba','01a1ff667425732c9f7410b5fe7fc9ba','user:sample',NULL,1356998400000000,1795286266917636,'{"kind":"receive","name":"weather rows"}','9b530ef941b048a75a98a5f8956f2057d41336f3b81d01e96d18aa789dfa4d15');
INSERT INTO "events" VALUES('sample',4,'01a1ff66742772c4afe1f2f502e47841','commit.published',1,'01a1ff667427727fa5da38c5e45264eb','01a1ff6674277156899987a5722df42c','user:sample',NULL,1356998400000000,1795286266919176,'{"group":"weather@1","ticket":58827940394080729,"n_rows":1,"n_deletes":1,"n_failed":0}','de71e58a7b9883a7c24f81c82f1a06c211efa496bb65b8e50e90bdc17607a172');
INSERT INTO "events" VALUES('sample',5,'01a1ff66742a7aee9595ed3b10ad7bb3','feature_view.defined',1,'01a1ff6674297a52801e5b3a11a2d7aa','01a1ff66742a79dfb196fd6bd09ebe8d','user:sample',NULL,1356998400000000,1795286266922687,'{"version":1}','a5af886080a1cb8040972a4c3c0eec2e4c5deb51a5d687e4a3319be4691cd414');
INSERT INTO "events" VALUES('sample',6,'01a1ff66744173e68b698cf856775e16','execution.completed',1,'01a1ff6674407c988149d1b5345470ee','01a1ff6674407c988149d1b5345470ee','user:sample',NULL,1356998400000000,1795286266945249,'{"kind":"receive","name":"lateness spine rows"}','c0aca09af21f160d04f09fc0a290fd35073cc755bc53f03ef88f1fb0e2e51cea');
INSERT INTO "events" VALUES('sample',7,'01a1ff66744974b19166e5a70e3864be','training_dataset.created',1,'01a1ff6674497452a044689cf5402dc4','01a1ff6674497273bfcb6b24fa36484a','user:sample',NULL,1356998400000000,1795286266953296,'{"counts":{"train":8},"n_unlabelled":0}','58a30e5576727caaac0876f2481ee50622bb933e1a8a7a4515cc6335d3d9482e');
INSERT INTO "events" VALUES('sample',8,'01a1ff66760e7412aa6d47629951ac96','model_version.registered',1,'01a1ff66760e726f971d2068473bce69','01a1ff66760e709988524b1a4ed396c3','user:sample',NULL,1356998400000000,1795286267406258,'{"name":"lateness","number":1,"package":"01a1ff66760e71f29e92ae88c9108545"}','32c55ff97b26b78833c7eb7d1cf934a2dae367f56ac86203b78860cf6e3fbe62');
INSERT INTO "events" VALUES('sample',9,'01a1ff6676c974bc9ce8c5217b764a29','model_version.registered',1,'01a1ff6676c9732aa9195094c6bc0917','01a1ff6676c97165a2385c9fd208babe','user:sample',NULL,1356998400000000,1795286267593300,'{"name":"lateness","number":2,"package":"01a1ff6676c972a0891df701957bbc11"}','1f18e5f01564d950e92cbf871e12fc7632990905418852603516c30627630204');
INSERT INTO "events" VALUES('sample',10,'01a1ff6676cb7fa5a195e0cbade2f509','execution.started',1,'01a1ff6676cb7c42851d62037e7a0a95','01a1ff6676cb7c42851d62037e7a0a95','user:sample',NULL,1356998400000000,1795286267595983,'{"kind":"run","name":"first"}','25e35f0f7a949ac4c5bb420e6e63e8a9e94f3d3c83e8de0831609852bead0ac6');
INSERT INTO "events" VALUES('sample',11,'01a1ff6676f9791cafcc9323600591de','run.finished',1,'01a1ff6676cb7cfaba530939b2f364d3','01a1ff6676cb7c42851d62037e7a0a95','user:sample',NULL,1356998400000000,1795286267641578,'{"experiment":"trials","number":1}','bfac500d1fdea66e0e3e5f7aa96fc8ab567e94cd032d46eb5bc28b475da63f83');
INSERT INTO "events" VALUES('sample',12,'01a1ff66770275b3a0219d259e79345e','policy.defined',1,'01a1ff6677027473957caa523a055ecb','01a1ff66770271bca21a62cf48723354','user:sample',NULL,1356998400000000,1795286267650360,'{"environment":"production","digest":"4e741a249d84d0234a7712fd924ffb20f905050f09be352b17c3ae97cb87c709"}','149c63178522547eb20f4c675b6cb1e7aa20f804559ccdeb7537871cc672ea1d');
INSERT INTO "events" VALUES('sample',13,'01a1ff6677267b1fa29b687272a68178','model_version.evaluated',1,'01a1ff66760e726f971d2068473bce69','01a1ff66772578ef83141df860c65d64','user:sample',NULL,1356998400000000,1795286267686699,'{"verdict":"pass","report":"01a1ff667726718a932b4ccb0ad18c0d"}','a7fd3e956426b624c3c8705e2b57d237813505729ba491b5cad419b8be1cf94c');
INSERT INTO "events" VALUES('sample',14,'01a1ff66772c78bbb643c0d2a00571cf','gate.decided',1,'01a1ff66760e726f971d2068473bce69','01a1ff66772c76abac7f06b1393564bc','user:sample',NULL,1356998400000000,1795286267692549,'{"environment":"production","name":"lateness","number":1,"verdict":"pass","decision":"01a1ff66772c78459b79db68b0a38a12"}','4ed966777a0a9b254fc9e240f5ab4aef8e9d5e94cb047d81e5aea169c2320f74');
INSERT INTO "events" VALUES('sample',15,'01a1ff66772c7954892ed96b1feb5490','alias.moved',1,'01a1ff66760e726f971d2068473bce69','01a1ff66772c76abac7f06b1393564bc','user:sample',NULL,1356998400000000,1795286267692585,'{"name":"lateness","alias":"champion","number":1,"previous_number":null,"decision":"01a1ff66772c78459b79db68b0a38a12"}','7d957da96c7ac69f8298adf6c14ce5be7d6e47bd51b96ccb78a926eba9b5ca31');
INSERT INTO "events" VALUES('sample',16,'01a1ff66775771ed891b24a6fd94bd83','execution.started',1,'01a1ff6677567d4daeac852c4692f507','01a1ff6677567d4daeac852c4692f507','user:sample',NULL,1356998400000000,1795286267735129,'{"kind":"pipeline","name":"counting"}','b9b074d3e2c0628a9606d791c786454f2aabaa82ac2a3eaebf8a216450a0aa93');
INSERT INTO "events" VALUES('sample',17,'01a1ff6677b97ecebbbce1b72b77b8fa','execution.started',1,'01a1ff6677b9795f99699e7c66c1145a','01a1ff6677b9795f99699e7c66c1145a','user:sample',NULL,1356998400000000,1795286267833933,'{"kind":"step","name":"numbers"}','d9f89384adde1cc738e5ea313310eb47966e214bf39cbad2af9298e3aaad05e1');
INSERT INTO "events" VALUES('sample',18,'01a1ff6677bf79ca9e3631526c037330','execution.completed',1,'01a1ff6677b9795f99699e7c66c1145a','01a1ff6677b9795f99699e7c66c1145a','user:sample',NULL,1356998400000000,1795286267839623,'{"kind":"step","name":"numbers"}','750835555515fd4bb3427b3e55bb095bf000a4dab20d630956179960a5d81c03');
INSERT INTO "events" VALUES('sample',19,'01a1ff6677c07a68b20c9efde729c7ec','pipeline.completed',1,'01a1ff6677567d4daeac852c4692f507','01a1ff6677567d4daeac852c4692f507','user:sample',NULL,1356998400000000,1795286267840663,'{"pipeline":"counting","n_executed":1}','8ce0b0d482387e8b47c4594461479082a05b5517d7e5e36522affb9660b65ca1');
INSERT INTO "events" VALUES('sample',20,'01a1ff6677e0718d990846a80a1dd5c6','deployment.revised',1,'01a1ff6677db7bfabc373f2385f75fcc','01a1ff6677df7dddb990ce4509770c73','user:sample',NULL,1356998400000000,1795286267872101,'{"cause":"create","number":1}','c675227b66a518ad7d80be5729615dc7ba679cb1273bac4017c536087fe61201');
INSERT INTO "events" VALUES('sample',21,'01a1ff6677f67c0e988cbe080079628e','outcomes.received',1,'01a1ff6677db7bfabc373f2385f75fcc','01a1ff6677f67a14b22281226da9e671','user:sample',NULL,1357365600000000,1795286267894759,'{"n_rows":16,"n_stored":16,"n_corrected":0,"n_duplicates":0,"n_contradictory":0,"n_orphans":0,"n_late":0,"contradictory":[],"orphans":[]}','1f8cadb94b888a36fabcace4c9060e2817b9cb605e265f5bcc1291429d1e44ad');
INSERT INTO "events" VALUES('sample',22,'01a1ff66781a7e47b3ea05156762e29b','monitor.added',1,'01a1ff66781778f7af378d53a8e35c3b','01a1ff6678177a3aa6e019fdf238dab2','user:sample',NULL,1357365600000000,1795286267930903,'{"id":"01a1ff66781778f7af378d53a8e35c3b","name":"rate","revision":1,"deployment":"flights","false_alarms_per_year":0.99,"looks_per_year":12,"min_effect":0.0,"min_effect_source":"the gap that costs 10% of the reference''s Brier skill 0.0000","label_delay_s":21600,"min_coverage":0.9,"min_clusters":3,"min_events":2,"time_zone":"UTC","cluster":null,"dataset_id":null,"created_at":"2013-01-05T06:00:00Z"}','afca5a51baf1b97980a33df83b6d4ca45e9680ca6a39c4f938e5445b3007b04c');
INSERT INTO "events" VALUES('sample',23,'01a1ff66783575d8bfa3b8241555f717','monitor.checked',1,'01a1ff6677db7bfabc373f2385f75fcc','01a1ff6678347fe0b1e441d3856c9ee5','user:sample',NULL,1357365600000000,1795286267957370,'{"monitor":"rate","monitor_revision":1,"deployment":"flights","start_at":"2013-01-01T00:00:00Z","end_at":"2013-01-05T00:00:00Z","as_of_at":"2013-01-05T06:00:00Z","n_rows":16,"n_known":16,"n_clusters":4,"n_positives":2,"predicted_all":0.9999990765804458,"observed":0.125,"predicted":0.9999990765804458,"gap":{"value":-0.8749990765804458,"low":-1.1467521649600474,"high":-0.6032459882008443,"method":"cluster-robust t"},"standard_error":0.08539125638299665,"p_value":0.0019815040760107123,"alpha":0.04125,"min_effect":0.0,"roc_auc":{"value":0.5,"low":null,"high":null,"method":"cluster bootstrap"},"brier":{"value":0.8749983840166329,"low":null,"high":null,"method":"cluster bootstrap"},"versions":{"1":16},"verdict":"fail","reason":"observed rate is 0.875 below the predicted: p 0.002 is at most 0.041, and the gap at least 0.000","coverage":1.0,"drifted":[]}','791274ed3dc7f883d3e0d67b3a10b06b7c8aa71fd9fa964e68e4555e0b5023df');
INSERT INTO "events" VALUES('sample',24,'01a1ff66783576eca3d0906b7f79e7c9','alert.raised',1,'01a1ff6677db7bfabc373f2385f75fcc','01a1ff6678347fe0b1e441d3856c9ee5','user:sample',NULL,1357365600000000,1795286267957437,'{"alert_id":"01a1ff66783574a689316203e27f75db","message":"rate, 2013-01-01 to 2013-01-05: observed 0.125, predicted 1.000 over 16 predictions; observed rate is 0.875 below the predicted: p 0.002 is at most 0.041, and the gap at least 0.000","monitor":"rate","monitor_revision":1,"deployment":"flights","start_at":"2013-01-01T00:00:00Z","end_at":"2013-01-05T00:00:00Z","as_of_at":"2013-01-05T06:00:00Z","n_rows":16,"n_known":16,"n_clusters":4,"n_positives":2,"predicted_all":0.9999990765804458,"observed":0.125,"predicted":0.9999990765804458,"gap":{"value":-0.8749990765804458,"low":-1.1467521649600474,"high":-0.6032459882008443,"method":"cluster-robust t"},"standard_error":0.08539125638299665,"p_value":0.0019815040760107123,"alpha":0.04125,"min_effect":0.0,"roc_auc":{"value":0.5,"low":null,"high":null,"method":"cluster bootstrap"},"brier":{"value":0.8749983840166329,"low":null,"high":null,"method":"cluster bootstrap"},"versions":{"1":16},"verdict":"fail","reason":"observed rate is 0.875 below the predicted: p 0.002 is at most 0.041, and the gap at least 0.000","coverage":1.0,"drifted":[]}','345f2db61a6ee35747ee979b75391e5d1fe1f0f2a535c724e0ba127f7c6feafb');
INSERT INTO "events" VALUES('sample',25,'01a1ff66784679e9b70a02f666cdd2ae','rollout.started',1,'01a1ff66784470879bfa9e28fc323778','01a1ff66784675ffafaabf10214b9bec','user:sample',NULL,1357365600000000,1795286267974625,'{"kind":"shadow","candidate":"2"}','1defd715d778c463e8fe57995ec968a34296641bf4ab3f8cb68ae9468f04f37e');
INSERT INTO "events" VALUES('sample',26,'01a1ff667857789a9b2fa7cd70ce7901','deployment.revised',1,'01a1ff66785475a4ad586bb0efde16c7','01a1ff66785774f8b7f93d211ad73358','user:sample',NULL,1357365600000000,1795286267991542,'{"cause":"promote","number":2}','5ff24e13af68da055994b3a13d9d7101b8725801a386239cc83ad31ff0226294');
INSERT INTO "events" VALUES('sample',27,'01a1ff66785778e886e2c4575002e5fa','rollout.ended',1,'01a1ff66784470879bfa9e28fc323778','01a1ff66785774f8b7f93d211ad73358','user:sample',NULL,1357365600000000,1795286267991559,'{"cause":"promote"}','dbfe65957724501fcbb4dc680a95bb259347da047d19be723c7aca3bb1ab8318');
INSERT INTO "events" VALUES('sample',28,'01a1ff667893788591803e7a49e7f24f','execution.started',1,'01a1ff667893750092e7ad43cc6124c1','01a1ff667893750092e7ad43cc6124c1','user:sample',NULL,1357365600000000,1795286268051540,'{"kind":"pipeline","name":"counting"}','ad4b11b9d3c726d02d6b9f0eaa43b79a393f9d401c28e3d95706dc7c8b862af0');
INSERT INTO "events" VALUES('sample',29,'01a1ff66789676f282ba2c6a076d6759','execution.started',1,'01a1ff6678967419a393f6e9173e4213','01a1ff6678967419a393f6e9173e4213','user:sample',NULL,1357365600000000,1795286268054440,'{"kind":"step","name":"numbers"}','e923475b750e7f87f96995287c2e0d6f31769865ea57191f2ce815a3f40879bc');
INSERT INTO "events" VALUES('sample',30,'01a1ff66789a7648b275d125717cab65','execution.completed',1,'01a1ff6678967419a393f6e9173e4213','01a1ff6678967419a393f6e9173e4213','user:sample',NULL,1357365600000000,1795286268058399,'{"kind":"step","name":"numbers"}','080f586652e3fea4d7142d6d453140848ec0645167317a641a77d4749bfe1b6d');
INSERT INTO "events" VALUES('sample',31,'01a1ff66789b71df93b18ae99f3b5019','pipeline.completed',1,'01a1ff667893750092e7ad43cc6124c1','01a1ff667893750092e7ad43cc6124c1','user:sample',NULL,1357365600000000,1795286268059128,'{"pipeline":"counting","n_executed":1}','3f480b3e717880c530c1e667a256cb277f014fbdb5309ef73f1dd779ed4e1085');
CREATE TABLE evidence (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	subject_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	figures JSON NOT NULL, 
	"trigger" TEXT NOT NULL, 
	bound JSON NOT NULL, 
	actor TEXT NOT NULL, 
	created_us BIGINT NOT NULL, 
	expires_us BIGINT, 
	CONSTRAINT pk_evidence PRIMARY KEY (id)
);
INSERT INTO "evidence" VALUES('sample','01a1ff6677257cc2aa49fc83a4be06e8','01a1ff66760e726f971d2068473bce69','check.metric','roc_auc at least 0.5','pass','{"check":{"kind":"metric","metric":"roc_auc","at_least":0.5,"at_most":null,"level":0.95,"cluster":null},"found":{"value":0.9748597756410255,"low":0.9532068233051535,"high":0.9866335982723733,"level":0.95,"method":"delong","n_rows":200,"n_positives":104,"n_clusters":null},"summary":"roc_auc 0.9749 [0.9532, 0.9866], wanted at least 0.5, n 200","n_rows":200,"n_unlabelled":0,"rows":{"origin":"unknown","n_training":null,"why":"the version does not name a training dataset of a feature view"},"dataset_digest":"4caba211a1db2d05d2b0ef1de56b9e3a2af7232d1591d6cc059804d03ccff711","package_id":"01a1ff66760e71f29e92ae88c9108545","against_version":null}','person','{}','user:sample',1356998400000000,NULL);
INSERT INTO "evidence" VALUES('sample','01a1ff66772c78459b79db68b0a38a12','01a1ff66760e726f971d2068473bce69','gate.decision','production gate','pass','{"environment":"production","alias":"champion","policy_digest":"4e741a249d84d0234a7712fd924ffb20f905050f09be352b17c3ae97cb87c709","holders":{},"reasons":[{"requirement":"check.metric(metric=''roc_auc'', at_least=0.5)","verdict":"pass","text":"check.metric(metric=''roc_auc'', at_least=0.5): roc_auc 0.9749 [0.9532, 0.9866], wanted at least 0.5, n 200","evidence_id":"01a1ff6677257cc2aa49fc83a4be06e8","supply":""}]}','gate','{"policy":"01a1ff6677027473957caa523a055ecb"}','user:sample',1356998400000000,NULL);
INSERT INTO "evidence" VALUES('sample','01a1ff66783574a689316203e27f75db','01a1ff6677db7bfabc373f2385f75fcc','monitor','rate','fail','{"monitor":"rate","monitor_revision":1,"deployment":"flights","start_at":"2013-01-01T00:00:00Z","end_at":"2013-01-05T00:00:00Z","as_of_at":"2013-01-05T06:00:00Z","n_rows":16,"n_known":16,"n_clusters":4,"n_positives":2,"predicted_all":0.9999990765804458,"observed":0.125,"predicted":0.9999990765804458,"gap":{"value":-0.8749990765804458,"low":-1.1467521649600474,"high":-0.6032459882008443,"method":"cluster-robust t"},"standard_error":0.08539125638299665,"p_value":0.0019815040760107123,"alpha":0.04125,"min_effect":0.0,"roc_auc":{"value":0.5,"low":null,"high":null,"method":"cluster bootstrap"},"brier":{"value":0.8749983840166329,"low":null,"high":null,"method":"cluster bootstrap"},"versions":{"1":16},"verdict":"fail","reason":"observed rate is 0.875 below the predicted: p 0.002 is at most 0.041, and the gap at least 0.000","coverage":1.0,"drifted":[]}','schedule','{}','user:sample',1357365600000000,NULL);
CREATE TABLE executions (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	parent_id TEXT, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	on_behalf_of TEXT, 
	code_commit TEXT, 
	code_dirty BOOLEAN, 
	code_digest TEXT NOT NULL, 
	parameters JSON NOT NULL, 
	occurred_us BIGINT NOT NULL, 
	started_us BIGINT NOT NULL, 
	finished_us BIGINT, 
	fence BIGINT NOT NULL, 
	error TEXT, 
	CONSTRAINT pk_executions PRIMARY KEY (id)
);
INSERT INTO "executions" VALUES('sample','01a1ff667410794fab66e7b89e1a6877',NULL,'receive','weather rows','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1356998400000000,1795286266898804,1795286266898902,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6674167bf29670bbe0e0a32dfd',NULL,'insert','weather','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"group":"weather@1","ticket":58827940392878433,"n_rows":8,"n_deletes":0}',1356998400000000,1795286266902765,1795286266902906,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff667425732c9f7410b5fe7fc9ba',NULL,'receive','weather rows','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1356998400000000,1795286266917230,1795286266917311,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6674277156899987a5722df42c',NULL,'insert','weather','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"group":"weather@1","ticket":58827940394080729,"n_rows":1,"n_deletes":1}',1356998400000000,1795286266919099,1795286266919193,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff66742a79dfb196fd6bd09ebe8d',NULL,'define_view','lateness','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1356998400000000,1795286266922630,1795286266922694,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6674407c988149d1b5345470ee',NULL,'receive','lateness spine rows','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1356998400000000,1795286266944822,1795286266944903,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6674497273bfcb6b24fa36484a',NULL,'training_dataset','lateness','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"view":"lateness@1","seed":1,"pins":{"weather@1":2}}',1356998400000000,1795286266953180,1795286266953309,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff66760e709988524b1a4ed396c3',NULL,'register','lateness/1','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"format":"skops"}',1356998400000000,1795286267406074,1795286267406281,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6676c97165a2385c9fd208babe',NULL,'register','lateness/2','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"format":"skops"}',1356998400000000,1795286267593122,1795286267593314,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6676cb7c42851d62037e7a0a95',NULL,'run','first','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1356998400000000,1795286267595784,1795286267641592,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff66770271bca21a62cf48723354',NULL,'define_policy','production','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1356998400000000,1795286267650137,1795286267650373,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff66772578ef83141df860c65d64',NULL,'evaluate','lateness/1','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"trigger":"person"}',1356998400000000,1795286267685593,1795286267686713,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff66772c76abac7f06b1393564bc',NULL,'promote','production: lateness/1','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1356998400000000,1795286267692432,1795286267692592,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6677567d4daeac852c4692f507',NULL,'pipeline','counting','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"n":3}',1356998400000000,1795286267734864,1795286267840674,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6677b9795f99699e7c66c1145a','01a1ff6677567d4daeac852c4692f507','step','numbers','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"n":3}',1356998400000000,1795286267833619,1795286267838326,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6677df7dddb990ce4509770c73',NULL,'deploy','flights','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"epoch":1,"cause":"create","reason":"","actor":"user:sample"}',1356998400000000,1795286267871888,1795286267872114,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6677f67a14b22281226da9e671',NULL,'outcomes','flights','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{}',1357365600000000,1795286267894648,1795286267894790,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6678177a3aa6e019fdf238dab2',NULL,'add_monitor','rate','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"id":"01a1ff66781778f7af378d53a8e35c3b","name":"rate","revision":1,"deployment":"flights","false_alarms_per_year":0.99,"looks_per_year":12,"min_effect":0.0,"min_effect_source":"the gap that costs 10% of the reference''s Brier skill 0.0000","label_delay_s":21600,"min_coverage":0.9,"min_clusters":3,"min_events":2,"time_zone":"UTC","cluster":null,"dataset_id":null,"created_at":"2013-01-05T06:00:00Z"}',1357365600000000,1795286267927652,1795286267930923,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6678347fe0b1e441d3856c9ee5',NULL,'monitor','rate','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"revision":1,"start":"2013-01-01T00:00:00+00:00","end":"2013-01-05T00:00:00+00:00","as_of":"2013-01-05T06:00:00+00:00"}',1357365600000000,1795286267957014,1795286267957444,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff66784675ffafaabf10214b9bec',NULL,'deploy','flights','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"epoch":2,"cause":"shadow","reason":"","actor":"user:sample"}',1357365600000000,1795286267974397,1795286267974638,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff66785774f8b7f93d211ad73358',NULL,'deploy','flights','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"epoch":3,"cause":"promote","reason":"","actor":"user:sample"}',1357365600000000,1795286267991331,1795286267991563,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff667893750092e7ad43cc6124c1',NULL,'pipeline','counting','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"n":2}',1357365600000000,1795286268051334,1795286268059138,0,NULL);
INSERT INTO "executions" VALUES('sample','01a1ff6678967419a393f6e9173e4213','01a1ff667893750092e7ad43cc6124c1','step','numbers','completed','user:sample',NULL,NULL,NULL,'536226bd99e9d671de163ffe3dab378269fb57a3e0d8f00b69bd42e48016cf32','{"n":2}',1357365600000000,1795286268054271,1795286268057949,0,NULL);
CREATE TABLE experiments (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id), 
	CONSTRAINT uq_experiments_project_id_name UNIQUE (project_id, name), 
	CONSTRAINT uq_experiments_project_id_number UNIQUE (project_id, number)
);
INSERT INTO "experiments" VALUES('sample','01a1ff6676ed77aea2407089b323bb5f',1,'trials',1795286267629492);
CREATE TABLE feature_commits (
	project_id TEXT NOT NULL, 
	group_id TEXT NOT NULL, 
	ticket BIGINT NOT NULL, 
	number BIGINT, 
	token TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	asset_id TEXT, 
	n_rows BIGINT NOT NULL, 
	n_deletes BIGINT NOT NULL, 
	n_failed BIGINT NOT NULL, 
	verdict TEXT, 
	min_event_us BIGINT, 
	max_event_us BIGINT, 
	published_us BIGINT, 
	CONSTRAINT pk_feature_commits PRIMARY KEY (group_id, ticket), 
	CONSTRAINT uq_feature_commits_group_id_number UNIQUE (group_id, number), 
	CONSTRAINT uq_feature_commits_group_id_token UNIQUE (group_id, token)
);
INSERT INTO "feature_commits" VALUES('sample','01a1ff6673e6748ba0e330db99261922',58827940392878433,1,'01a1ff6673f57521beb8c803438edbf4','01a5457138ccf9d50364b65bf3728c0ec51374cbcc74ae93d3f85c010275262f','01a1ff6674167d33be3c5dc2de70cd29',8,0,0,NULL,1356998400000000,1357009200000000,1356998400000000);
INSERT INTO "feature_commits" VALUES('sample','01a1ff6673e6748ba0e330db99261922',58827940394080729,2,'01a1ff66741d714bb12050c53825b018','181bc6c9bb03616e95ab10a9213a444016a5aa4e7636c75fc7fc3ca6f6e4f697','01a1ff667427727fa5da38c5e45264eb',1,1,0,NULL,1356998400000000,1356998400000000,1356998400000000);
CREATE TABLE feature_groups (
	project_id TEXT NOT NULL, 
	group_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	revision BIGINT NOT NULL, 
	keys JSON NOT NULL, 
	event_time TEXT, 
	known_time TEXT, 
	online BOOLEAN NOT NULL, 
	ttl_s DOUBLE, 
	source_delay_s DOUBLE NOT NULL, 
	on_failure TEXT NOT NULL, 
	columns JSON, 
	expectations JSON NOT NULL, 
	description TEXT NOT NULL, 
	owner TEXT, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_feature_groups PRIMARY KEY (group_id), 
	CONSTRAINT uq_feature_groups_project_id_name_version UNIQUE (project_id, name, version)
);
INSERT INTO "feature_groups" VALUES('sample','01a1ff6673e6748ba0e330db99261922','weather',1,1,'["origin"]','observed_at',NULL,1,NULL,0.0,'warn','[{"name":"origin","type":"string"},{"name":"observed_at","type":"datetime"},{"name":"wind","type":"float64"}]','[]','',NULL,1356998400000000);
CREATE TABLE feature_views (
	project_id TEXT NOT NULL, 
	view_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	parts JSON NOT NULL, 
	label JSON, 
	on_demand JSON NOT NULL, 
	spine_time TEXT NOT NULL, 
	description TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_feature_views PRIMARY KEY (view_id), 
	CONSTRAINT uq_feature_views_project_id_name_version UNIQUE (project_id, name, version)
);
INSERT INTO "feature_views" VALUES('sample','01a1ff6674297a52801e5b3a11a2d7aa','lateness',1,'[{"group":"weather","version":1,"columns":["wind"],"on":{},"prefix":"","static":false,"hidden":false},{"columns":{"distance":null}}]',NULL,'[]','scheduled_at','','6889417c96c1f1e1ab700679731f1f652be814e40e1a3c1e1b00bc1a80a2c6b1',1356998400000000);
CREATE TABLE findings (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	monitor TEXT NOT NULL, 
	monitor_revision BIGINT NOT NULL, 
	deployment TEXT NOT NULL, 
	subject_id TEXT NOT NULL, 
	start_us BIGINT NOT NULL, 
	end_us BIGINT NOT NULL, 
	as_of_us BIGINT NOT NULL, 
	n_rows BIGINT NOT NULL, 
	n_known BIGINT NOT NULL, 
	n_clusters BIGINT NOT NULL, 
	n_positives BIGINT NOT NULL, 
	predicted_all DOUBLE, 
	observed DOUBLE, 
	predicted DOUBLE, 
	gap JSON NOT NULL, 
	standard_error DOUBLE, 
	p_value DOUBLE, 
	alpha DOUBLE NOT NULL, 
	min_effect DOUBLE NOT NULL, 
	roc_auc JSON NOT NULL, 
	brier JSON NOT NULL, 
	drifts JSON NOT NULL, 
	versions JSON NOT NULL, 
	verdict TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	alerted BOOLEAN NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_findings PRIMARY KEY (id)
);
INSERT INTO "findings" VALUES('sample','01a1ff66783574a689316203e27f75db','rate',1,'flights','01a1ff6677db7bfabc373f2385f75fcc',1356998400000000,1357344000000000,1357365600000000,16,16,4,2,9.99999076580445844797e-01,0.125,9.99999076580445844797e-01,'{"value":-0.8749990765804458,"low":-1.1467521649600474,"high":-0.6032459882008443,"method":"cluster-robust t"}',8.53912563829966470008e-02,1.98150407601071229871e-03,0.04125,0.0,'{"value":0.5,"low":null,"high":null,"method":"cluster bootstrap"}','{"value":0.8749983840166329,"low":null,"high":null,"method":"cluster bootstrap"}','[{"column":"wind","n_reference":200,"n_current":16,"js_distance":0.0,"psi":0.0,"noise_floor":0.0,"excess":0.0,"p_value":1.0,"q_value":null,"mean_shift":-2.0854682119443884,"null_share_change":0.0,"n_bins":1,"design_effect":1.0,"verdict":"insufficient_data","reason":"too few rows: 10 bins in use, and not two with 5 expected rows"}]','{"1":16}','fail','observed rate is 0.875 below the predicted: p 0.002 is at most 0.041, and the gap at least 0.000',1,1357365600000000);
CREATE TABLE links (
	project_id TEXT NOT NULL, 
	execution_id TEXT NOT NULL, 
	direction TEXT NOT NULL, 
	role TEXT NOT NULL, 
	asset_id TEXT NOT NULL, 
	attributes JSON NOT NULL, 
	CONSTRAINT pk_links PRIMARY KEY (execution_id, direction, role, asset_id)
);
INSERT INTO "links" VALUES('sample','01a1ff667410794fab66e7b89e1a6877','output','source','01a1ff6674127dbba453aab8837ddb9f','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674167bf29670bbe0e0a32dfd','input','rows','01a1ff6674127dbba453aab8837ddb9f','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674167bf29670bbe0e0a32dfd','output','commit','01a1ff6674167d33be3c5dc2de70cd29','{}');
INSERT INTO "links" VALUES('sample','01a1ff667425732c9f7410b5fe7fc9ba','output','source','01a1ff66742574788207ef92a7a2aa87','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674277156899987a5722df42c','input','rows','01a1ff66742574788207ef92a7a2aa87','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674277156899987a5722df42c','output','commit','01a1ff667427727fa5da38c5e45264eb','{}');
INSERT INTO "links" VALUES('sample','01a1ff66742a79dfb196fd6bd09ebe8d','output','feature_view','01a1ff6674297a52801e5b3a11a2d7aa','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674407c988149d1b5345470ee','output','source','01a1ff6674407df5b501910a56fd5284','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674497273bfcb6b24fa36484a','input','view','01a1ff6674297a52801e5b3a11a2d7aa','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674497273bfcb6b24fa36484a','input','spine','01a1ff6674407df5b501910a56fd5284','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674497273bfcb6b24fa36484a','input','weather','01a1ff6674167d33be3c5dc2de70cd29','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674497273bfcb6b24fa36484a','input','weather','01a1ff667427727fa5da38c5e45264eb','{}');
INSERT INTO "links" VALUES('sample','01a1ff6674497273bfcb6b24fa36484a','output','training_dataset','01a1ff6674497452a044689cf5402dc4','{}');
INSERT INTO "links" VALUES('sample','01a1ff66760e709988524b1a4ed396c3','output','model_package','01a1ff66760e71f29e92ae88c9108545','{}');
INSERT INTO "links" VALUES('sample','01a1ff66760e709988524b1a4ed396c3','output','model_version','01a1ff66760e726f971d2068473bce69','{}');
INSERT INTO "links" VALUES('sample','01a1ff6676c97165a2385c9fd208babe','output','model_package','01a1ff6676c972a0891df701957bbc11','{}');
INSERT INTO "links" VALUES('sample','01a1ff6676c97165a2385c9fd208babe','output','model_version','01a1ff6676c9732aa9195094c6bc0917','{}');
INSERT INTO "links" VALUES('sample','01a1ff6676cb7c42851d62037e7a0a95','output','notes.txt','01a1ff6676f7778392cfd8a7ee0ef0f5','{}');
INSERT INTO "links" VALUES('sample','01a1ff6676cb7c42851d62037e7a0a95','output','run','01a1ff6676cb7cfaba530939b2f364d3','{}');
INSERT INTO "links" VALUES('sample','01a1ff66770271bca21a62cf48723354','output','policy','01a1ff6677027473957caa523a055ecb','{}');
INSERT INTO "links" VALUES('sample','01a1ff66772578ef83141df860c65d64','input','subject','01a1ff66760e726f971d2068473bce69','{}');
INSERT INTO "links" VALUES('sample','01a1ff66772578ef83141df860c65d64','output','evidence','01a1ff6677257cc2aa49fc83a4be06e8','{}');
INSERT INTO "links" VALUES('sample','01a1ff66772578ef83141df860c65d64','output','report','01a1ff667726718a932b4ccb0ad18c0d','{}');
INSERT INTO "links" VALUES('sample','01a1ff66772c76abac7f06b1393564bc','input','evidence','01a1ff6677257cc2aa49fc83a4be06e8','{}');
INSERT INTO "links" VALUES('sample','01a1ff66772c76abac7f06b1393564bc','output','evidence','01a1ff66772c78459b79db68b0a38a12','{}');
INSERT INTO "links" VALUES('sample','01a1ff66772c76abac7f06b1393564bc','input','subject','01a1ff66760e726f971d2068473bce69','{}');
INSERT INTO "links" VALUES('sample','01a1ff66772c76abac7f06b1393564bc','input','policy','01a1ff6677027473957caa523a055ecb','{}');
INSERT INTO "links" VALUES('sample','01a1ff6677b9795f99699e7c66c1145a','output','output','01a1ff6677be742da8d31fe5a539d9bb','{}');
INSERT INTO "links" VALUES('sample','01a1ff6677df7dddb990ce4509770c73','input','model_version','01a1ff66760e726f971d2068473bce69','{}');
INSERT INTO "links" VALUES('sample','01a1ff6677df7dddb990ce4509770c73','input','package','01a1ff66760e71f29e92ae88c9108545','{}');
INSERT INTO "links" VALUES('sample','01a1ff6677df7dddb990ce4509770c73','input','view','01a1ff6674297a52801e5b3a11a2d7aa','{}');
INSERT INTO "links" VALUES('sample','01a1ff6677df7dddb990ce4509770c73','output','deployment_revision','01a1ff6677db7bfabc373f2385f75fcc','{}');
INSERT INTO "links" VALUES('sample','01a1ff6677f67a14b22281226da9e671','input','deployment','01a1ff6677db7bfabc373f2385f75fcc','{}');
INSERT INTO "links" VALUES('sample','01a1ff6678177a3aa6e019fdf238dab2','input','deployment_revision','01a1ff6677db7bfabc373f2385f75fcc','{}');
INSERT INTO "links" VALUES('sample','01a1ff6678347fe0b1e441d3856c9ee5','output','evidence','01a1ff66783574a689316203e27f75db','{}');
INSERT INTO "links" VALUES('sample','01a1ff6678347fe0b1e441d3856c9ee5','input','subject','01a1ff6677db7bfabc373f2385f75fcc','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','input','model_version','01a1ff66760e726f971d2068473bce69','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','input','package','01a1ff66760e71f29e92ae88c9108545','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','input','view','01a1ff6674297a52801e5b3a11a2d7aa','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','input','shadow_model_version','01a1ff6676c9732aa9195094c6bc0917','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','input','shadow_package','01a1ff6676c972a0891df701957bbc11','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','input','shadow_view','01a1ff6674297a52801e5b3a11a2d7aa','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','input','champion','01a1ff6677db7bfabc373f2385f75fcc','{}');
INSERT INTO "links" VALUES('sample','01a1ff66784675ffafaabf10214b9bec','output','rollout','01a1ff66784470879bfa9e28fc323778','{}');
INSERT INTO "links" VALUES('sample','01a1ff66785774f8b7f93d211ad73358','input','model_version','01a1ff6676c9732aa9195094c6bc0917','{}');
INSERT INTO "links" VALUES('sample','01a1ff66785774f8b7f93d211ad73358','input','package','01a1ff6676c972a0891df701957bbc11','{}');
INSERT INTO "links" VALUES('sample','01a1ff66785774f8b7f93d211ad73358','input','view','01a1ff6674297a52801e5b3a11a2d7aa','{}');
INSERT INTO "links" VALUES('sample','01a1ff66785774f8b7f93d211ad73358','output','deployment_revision','01a1ff66785475a4ad586bb0efde16c7','{}');
INSERT INTO "links" VALUES('sample','01a1ff66785774f8b7f93d211ad73358','input','rollout','01a1ff66784470879bfa9e28fc323778','{}');
INSERT INTO "links" VALUES('sample','01a1ff6678967419a393f6e9173e4213','output','output','01a1ff6678997e6688d03a65c9fbf43f','{}');
CREATE TABLE mainspring_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT mainspring_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "mainspring_schema" VALUES('0001');
CREATE TABLE metric_points (
	project_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	step BIGINT NOT NULL, 
	value DOUBLE NOT NULL, 
	logged_us BIGINT NOT NULL, 
	CONSTRAINT pk_metric_points PRIMARY KEY (seq)
);
CREATE TABLE model_alias_moves (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	alias TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	previous_number BIGINT, 
	decision_id TEXT NOT NULL, 
	execution_id TEXT NOT NULL, 
	moved_us BIGINT NOT NULL, 
	CONSTRAINT pk_model_alias_moves PRIMARY KEY (id)
);
INSERT INTO "model_alias_moves" VALUES('sample','01a1ff66772c791d85d9f4249c043330','lateness','champion',1,NULL,'01a1ff66772c78459b79db68b0a38a12','01a1ff66772c76abac7f06b1393564bc',1356998400000000);
CREATE TABLE model_aliases (
	project_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	alias TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	decision_id TEXT NOT NULL, 
	moved_us BIGINT NOT NULL, 
	CONSTRAINT pk_model_aliases PRIMARY KEY (project_id, name, alias)
);
INSERT INTO "model_aliases" VALUES('sample','lateness','champion',1,'01a1ff66772c78459b79db68b0a38a12',1356998400000000);
CREATE TABLE model_packages (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	format TEXT NOT NULL, 
	files JSON NOT NULL, 
	signature JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_model_packages PRIMARY KEY (id)
);
INSERT INTO "model_packages" VALUES('sample','01a1ff66760e71f29e92ae88c9108545','lateness','2f6416497dc8d8cc0645dc89f75ce419d559fac3cbf82f8366d6890150ad09d2','skops','{"MLmodel":{"sha256":"959336f817ceed0293d43cc9f4803799ab717ba86f3f7dae4b0e0a2269fa4054","size_bytes":516},"input_example.json":{"sha256":"bd6e54f90c7f6c99f1a8aa3c24b54346ed3729d75d88d34afbd99b48a1a75e42","size_bytes":431},"model.skops":{"sha256":"b9ae5a622664e6088df4e09f7c1f83b106cffaf233295763ec2866e6b3fe0e13","size_bytes":4033},"requirements.txt":{"sha256":"8461b6bae6085dc179f91923da07376c8ab257d6bd700b550af1aea0e8657138","size_bytes":240},"signature.json":{"sha256":"367843bde66460e36f335b5e382584c91a54ce067cb78990bf03bd0dfd16ce92","size_bytes":248}}','{"columns":[{"name":"wind","kind":"number","dtype":"Float64","categories":null},{"name":"distance","kind":"number","dtype":"Float64","categories":null}],"label":"late","task":"binary"}',1356998400000000);
INSERT INTO "model_packages" VALUES('sample','01a1ff6676c972a0891df701957bbc11','lateness','a5dad69d80554b92f3a1aeb7cd77e6f7acffbc24250387b50f7e273fc3530f6d','skops','{"MLmodel":{"sha256":"58b34fd3bdeaf5512b0c8ecff93f146d47fd7cdd17038fa655ce5197c1ea8d4c","size_bytes":516},"input_example.json":{"sha256":"c532b5df26a071c02d2e7d3d24f4e53c5b9a70b97e9fc6041587914f48185e0d","size_bytes":436},"model.skops":{"sha256":"b5d5d1abc9ef63f1ae4d53e748381ac0456617d9c00099c66bc33143bd383583","size_bytes":4033},"requirements.txt":{"sha256":"8461b6bae6085dc179f91923da07376c8ab257d6bd700b550af1aea0e8657138","size_bytes":240},"signature.json":{"sha256":"367843bde66460e36f335b5e382584c91a54ce067cb78990bf03bd0dfd16ce92","size_bytes":248}}','{"columns":[{"name":"wind","kind":"number","dtype":"Float64","categories":null},{"name":"distance","kind":"number","dtype":"Float64","categories":null}],"label":"late","task":"binary"}',1356998400000000);
CREATE TABLE model_versions (
	project_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	asset_id TEXT NOT NULL, 
	package_id TEXT NOT NULL, 
	package_digest TEXT NOT NULL, 
	dataset_id TEXT, 
	dataset_digest TEXT, 
	run_id TEXT, 
	metadata JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_model_versions PRIMARY KEY (project_id, name, number), 
	CONSTRAINT uq_model_versions_asset_id UNIQUE (asset_id)
);
INSERT INTO "model_versions" VALUES('sample','lateness',1,'01a1ff66760e726f971d2068473bce69','01a1ff66760e71f29e92ae88c9108545','2f6416497dc8d8cc0645dc89f75ce419d559fac3cbf82f8366d6890150ad09d2',NULL,NULL,NULL,'{}',1356998400000000);
INSERT INTO "model_versions" VALUES('sample','lateness',2,'01a1ff6676c9732aa9195094c6bc0917','01a1ff6676c972a0891df701957bbc11','a5dad69d80554b92f3a1aeb7cd77e6f7acffbc24250387b50f7e273fc3530f6d',NULL,NULL,NULL,'{}',1356998400000000);
CREATE TABLE monitors (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	deployment TEXT NOT NULL, 
	false_alarms_per_year DOUBLE NOT NULL, 
	looks_per_year BIGINT NOT NULL, 
	min_effect DOUBLE NOT NULL, 
	min_effect_source TEXT NOT NULL, 
	label_delay_s BIGINT NOT NULL, 
	min_coverage DOUBLE NOT NULL, 
	min_clusters BIGINT NOT NULL, 
	min_events BIGINT NOT NULL, 
	time_zone TEXT NOT NULL, 
	cluster TEXT, 
	reference JSON NOT NULL, 
	dataset_id TEXT, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_monitors PRIMARY KEY (id), 
	CONSTRAINT uq_monitors_project_id_name_revision UNIQUE (project_id, name, revision)
);
INSERT INTO "monitors" VALUES('sample','01a1ff66781778f7af378d53a8e35c3b','rate',1,'flights',0.99,12,0.0,'the gap that costs 10% of the reference''s Brier skill 0.0000',21600,0.9,3,2,'UTC',NULL,'{"n_rows":200,"n_fit_clusters":10,"n_held_out":0,"observed":0.5,"predicted":0.2502392682452468,"brier":0.3156760683599842,"brier_of_rate":0.25,"roc_auc":0.4513,"profile":{"scheme":1,"n_rows":200,"columns":[{"name":"wind","kind":"numeric","dtype":"Float64","n_rows":200,"n_null":0,"n_nan":0,"n_low_infinite":0,"n_high_infinite":0,"minimum":0.23413046944057747,"maximum":19.829346089369697,"moments":{"count":200,"mean":9.968902126011528,"m2":2964.2391095058347,"m3":-62.95635623246329,"m4":122974.32887764528},"edges":[4.983253352105477,6.655659335427014,7.78470865430379,8.99472280557246,9.82654963935299,10.971755412394941,12.03154872882633,13.192300724639171,14.545260593027454],"levels":[],"counts":[20,20,20,20,20,20,20,20,20,20],"n_unlisted":0}]},"design_effects":{"wind":1.0}}',NULL,1357365600000000);
CREATE TABLE outcomes (
	project_id TEXT NOT NULL, 
	deployment TEXT NOT NULL, 
	prediction_id TEXT NOT NULL, 
	value DOUBLE NOT NULL, 
	known_us BIGINT NOT NULL, 
	received_us BIGINT NOT NULL, 
	execution_id TEXT NOT NULL, 
	CONSTRAINT pk_outcomes PRIMARY KEY (prediction_id, deployment, project_id, known_us)
);
INSERT INTO "outcomes" VALUES('sample','flights','0-0',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','0-1',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','0-2',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','0-3',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','1-0',1.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','1-1',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','1-2',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','1-3',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','2-0',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','2-1',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','2-2',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','2-3',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','3-0',1.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','3-1',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','3-2',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
INSERT INTO "outcomes" VALUES('sample','flights','3-3',0.0,1357344000000000,1357365600000000,'01a1ff6677f67a14b22281226da9e671');
CREATE TABLE pipeline_cache (
	project_id TEXT NOT NULL, 
	execution_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	step TEXT NOT NULL, 
	fields JSON NOT NULL, 
	outputs JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_pipeline_cache PRIMARY KEY (execution_id)
);
INSERT INTO "pipeline_cache" VALUES('sample','01a1ff6677b9795f99699e7c66c1145a','f1a67b259790b5d1bf061a25f4a6bf90f1014ab0388f9d4a78ba048327a95ee5','__main__:numbers','{"scheme":"1","project":"sample","step":"__main__:numbers","python":"3.11","platform":"linux-x86_64","code __main__:numbers":"b1b1b40a53c81a8e685737e0f6047d2d28a968a81bfe2d22fe95a6a2279cf1d3","library polars":"2.1.0","parameter n":"084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5 3","output output":"polars.dataframe.frame.DataFrame as frame/1"}','[{"name":"output","materializer":"frame","version":1,"digest":"feac98c97dbb20c398a3f86b39d8b06c42bc6ea4d326447da3366e7c4f2a84c9","blobs":[{"sha256":"0a8a00b2fdd549a3c8f7a878cf8b4756be7a2879c86a2cc8201b94f6098c62b5","size_bytes":476}],"asset_id":"01a1ff6677be742da8d31fe5a539d9bb","by_reference":false}]',1795286267839093);
INSERT INTO "pipeline_cache" VALUES('sample','01a1ff6678967419a393f6e9173e4213','08ed69e4cf6ca3d1b40aeb8665bc2718430b64d560677cc1022dde96a6e76721','__main__:numbers','{"scheme":"1","project":"sample","step":"__main__:numbers","python":"3.11","platform":"linux-x86_64","code __main__:numbers":"b1b1b40a53c81a8e685737e0f6047d2d28a968a81bfe2d22fe95a6a2279cf1d3","library polars":"2.1.0","parameter n":"dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986 2","output output":"polars.dataframe.frame.DataFrame as frame/1"}','[{"name":"output","materializer":"frame","version":1,"digest":"acf16027081df09da6551ed2d906fdaf6dc2e5e4f540db71061f55cdfb5f7eda","blobs":[{"sha256":"ed5bb5778eca9df65291c9d40b0eb08e19de0baf5a9a455c81f6a8bdf2769cf0","size_bytes":468}],"asset_id":"01a1ff6678997e6688d03a65c9fbf43f","by_reference":false}]',1795286268058140);
CREATE TABLE pipeline_requests (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	"trigger" TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	event_seq BIGINT NOT NULL, 
	subject TEXT NOT NULL, 
	pipeline TEXT NOT NULL, 
	state TEXT NOT NULL, 
	run_id TEXT, 
	process TEXT, 
	error TEXT, 
	requested_us BIGINT NOT NULL, 
	CONSTRAINT pk_pipeline_requests PRIMARY KEY (id), 
	CONSTRAINT uq_pipeline_requests_project_id_trigger_event_seq UNIQUE (project_id, "trigger", event_seq)
);
INSERT INTO "pipeline_requests" VALUES('sample','01a1ff66788d7da999b05feec3a2cca0','recount','01a1ff66783576eca3d0906b7f79e7c9',24,'01a1ff6677db7bfabc373f2385f75fcc','counting','done','01a1ff667893750092e7ad43cc6124c1','sample:21167:573387',NULL,1795286267957437);
CREATE TABLE pipeline_runs (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	pipeline TEXT NOT NULL, 
	"plan" JSON NOT NULL, 
	request_id TEXT, 
	process TEXT NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_pipeline_runs PRIMARY KEY (id)
);
INSERT INTO "pipeline_runs" VALUES('sample','01a1ff6677567d4daeac852c4692f507','counting','{"pipeline":{"name":"counting","parameters":[{"name":"n","type":"int"}]},"parameters":{"n":3},"nodes":[{"id":"numbers","step":{"name":"__main__:numbers","inputs":[],"parameters":[{"name":"n","type":"int"}],"resources":[],"outputs":[{"name":"output","type":"polars.dataframe.frame.DataFrame"}],"cache":null},"inputs":{},"parameters":{"n":3}}],"outputs":{"output":{"node":"numbers","output":"output"}}}',NULL,'sample:21167:573387',1795286267736848);
INSERT INTO "pipeline_runs" VALUES('sample','01a1ff667893750092e7ad43cc6124c1','counting','{"pipeline":{"name":"counting","parameters":[{"name":"n","type":"int"}]},"parameters":{"n":2},"nodes":[{"id":"numbers","step":{"name":"__main__:numbers","inputs":[],"parameters":[{"name":"n","type":"int"}],"resources":[],"outputs":[{"name":"output","type":"polars.dataframe.frame.DataFrame"}],"cache":null},"inputs":{},"parameters":{"n":2}}],"outputs":{"output":{"node":"numbers","output":"output"}}}','01a1ff66788d7da999b05feec3a2cca0','sample:21167:573387',1795286268052446);
CREATE TABLE pipeline_steps (
	project_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	ordinal BIGINT NOT NULL, 
	node TEXT NOT NULL, 
	step TEXT NOT NULL, 
	execution_id TEXT NOT NULL, 
	producer_id TEXT, 
	state TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	"key" TEXT, 
	seconds DOUBLE NOT NULL, 
	outputs JSON NOT NULL, 
	notes JSON NOT NULL, 
	CONSTRAINT pk_pipeline_steps PRIMARY KEY (run_id, ordinal)
);
INSERT INTO "pipeline_steps" VALUES('sample','01a1ff6677567d4daeac852c4692f507',0,'numbers','__main__:numbers','01a1ff6677b9795f99699e7c66c1145a',NULL,'executed','first time','f1a67b259790b5d1bf061a25f4a6bf90f1014ab0388f9d4a78ba048327a95ee5',1.31366000459820497781e-04,'[{"name":"output","materializer":"frame","version":1,"digest":"feac98c97dbb20c398a3f86b39d8b06c42bc6ea4d326447da3366e7c4f2a84c9","blobs":[{"sha256":"0a8a00b2fdd549a3c8f7a878cf8b4756be7a2879c86a2cc8201b94f6098c62b5","size_bytes":476}],"asset_id":"01a1ff6677be742da8d31fe5a539d9bb","by_reference":false}]','[]');
INSERT INTO "pipeline_steps" VALUES('sample','01a1ff667893750092e7ad43cc6124c1',0,'numbers','__main__:numbers','01a1ff6678967419a393f6e9173e4213',NULL,'executed','parameter n changed from 3 to 2','08ed69e4cf6ca3d1b40aeb8665bc2718430b64d560677cc1022dde96a6e76721',1.05978000647155568003e-04,'[{"name":"output","materializer":"frame","version":1,"digest":"acf16027081df09da6551ed2d906fdaf6dc2e5e4f540db71061f55cdfb5f7eda","blobs":[{"sha256":"ed5bb5778eca9df65291c9d40b0eb08e19de0baf5a9a455c81f6a8bdf2769cf0","size_bytes":468}],"asset_id":"01a1ff6678997e6688d03a65c9fbf43f","by_reference":false}]','[]');
CREATE TABLE pipeline_triggers (
	project_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	event_kind TEXT NOT NULL, 
	pipeline TEXT NOT NULL, 
	CONSTRAINT pk_pipeline_triggers PRIMARY KEY (project_id, name)
);
INSERT INTO "pipeline_triggers" VALUES('sample','recount','alert.raised','counting');
CREATE TABLE policies (
	project_id TEXT NOT NULL, 
	asset_id TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	policy JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_policies PRIMARY KEY (asset_id)
);
INSERT INTO "policies" VALUES('sample','01a1ff6677027473957caa523a055ecb','production','4e741a249d84d0234a7712fd924ffb20f905050f09be352b17c3ae97cb87c709','{"environment":"production","alias":"champion","require":[{"kind":"check.metric","parameters":{"metric":"roc_auc","at_least":0.5},"rows":"any","max_age_days":null,"unless_first":false}],"description":""}',1356998400000000);
CREATE TABLE rollouts (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	deployment TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	champion_id TEXT NOT NULL, 
	candidate TEXT NOT NULL, 
	candidate_version BIGINT NOT NULL, 
	candidate_id TEXT NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_rollouts PRIMARY KEY (id)
);
INSERT INTO "rollouts" VALUES('sample','01a1ff66784470879bfa9e28fc323778','flights','shadow','01a1ff6677db7bfabc373f2385f75fcc','lateness',2,'01a1ff6676c9732aa9195094c6bc0917',1357365600000000);
CREATE TABLE run_artifacts (
	project_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	asset_id TEXT NOT NULL, 
	logged_us BIGINT NOT NULL, 
	CONSTRAINT pk_run_artifacts PRIMARY KEY (run_id, name)
);
INSERT INTO "run_artifacts" VALUES('sample','01a1ff6676cb7c42851d62037e7a0a95','notes.txt','975d51256d3dd390df7c99b5bde670d2dc1d4ae2125acd3026f20a6d4604d3c5',50,'01a1ff6676f7778392cfd8a7ee0ef0f5',1795286267639480);
CREATE TABLE run_params (
	project_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	value JSON NOT NULL, 
	digest TEXT NOT NULL, 
	CONSTRAINT pk_run_params PRIMARY KEY (run_id, "key")
);
INSERT INTO "run_params" VALUES('sample','01a1ff6676cb7c42851d62037e7a0a95','depth',3,'084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5');
CREATE TABLE runs (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	experiment TEXT NOT NULL, 
	name TEXT NOT NULL, 
	parent_id TEXT, 
	asset_id TEXT NOT NULL, 
	tags JSON NOT NULL, 
	environment JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT uq_runs_project_id_experiment_number UNIQUE (project_id, experiment, number)
);
INSERT INTO "runs" VALUES('sample','01a1ff6676cb7c42851d62037e7a0a95',1,'trials','first',NULL,'01a1ff6676cb7cfaba530939b2f364d3','{}','{"python":"3.11.7","platform":"Linux","packages_sha256":"875a4c868a7fd42ad71979c83e261cdb672829730cfac788a314144efd528ffe","seeds":{},"process":"sample:21167:573387"}',1795286267632188);
CREATE TABLE serving_contexts (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	deployment TEXT NOT NULL, 
	epoch BIGINT NOT NULL, 
	revision_id TEXT NOT NULL, 
	"table" JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	CONSTRAINT pk_serving_contexts PRIMARY KEY (id), 
	CONSTRAINT uq_serving_contexts_project_id_deployment_epoch UNIQUE (project_id, deployment, epoch)
);
INSERT INTO "serving_contexts" VALUES('sample','01a1ff6677db7bd0a96946f7bced8d41','flights',1,'01a1ff6677db7bfabc373f2385f75fcc','{"deployment":"flights","epoch":1,"context_id":"01a1ff6677db7bd0a96946f7bced8d41","revision_id":"01a1ff6677db7bfabc373f2385f75fcc","revision":1,"arms":[{"name":"champion","weight":1.0,"model":"lateness","version":1,"version_id":"01a1ff66760e726f971d2068473bce69","package_id":"01a1ff66760e71f29e92ae88c9108545","view":"lateness","view_version":1,"view_id":"01a1ff6674297a52801e5b3a11a2d7aa","features":["wind","distance"],"groups":["weather"]}],"cause":"create","reason":"","origin":"human","actor":"user:sample","held":false,"changed_us":1356998400000000,"used":{},"rollout_id":null}',1356998400000000);
INSERT INTO "serving_contexts" VALUES('sample','01a1ff6678437ff081ae0af66c8aa5b0','flights',2,'01a1ff6677db7bfabc373f2385f75fcc','{"deployment":"flights","epoch":2,"context_id":"01a1ff6678437ff081ae0af66c8aa5b0","revision_id":"01a1ff6677db7bfabc373f2385f75fcc","revision":1,"arms":[{"name":"champion","weight":1.0,"model":"lateness","version":1,"version_id":"01a1ff66760e726f971d2068473bce69","package_id":"01a1ff66760e71f29e92ae88c9108545","view":"lateness","view_version":1,"view_id":"01a1ff6674297a52801e5b3a11a2d7aa","features":["wind","distance"],"groups":["weather"]},{"name":"shadow","weight":0.0,"model":"lateness","version":2,"version_id":"01a1ff6676c9732aa9195094c6bc0917","package_id":"01a1ff6676c972a0891df701957bbc11","view":"lateness","view_version":1,"view_id":"01a1ff6674297a52801e5b3a11a2d7aa","features":["wind","distance"],"groups":["weather"]}],"cause":"shadow","reason":"","origin":"human","actor":"user:sample","held":false,"changed_us":1357365600000000,"used":{},"rollout_id":"01a1ff66784470879bfa9e28fc323778"}',1357365600000000);
INSERT INTO "serving_contexts" VALUES('sample','01a1ff6678547520b73da540921f2585','flights',3,'01a1ff66785475a4ad586bb0efde16c7','{"deployment":"flights","epoch":3,"context_id":"01a1ff6678547520b73da540921f2585","revision_id":"01a1ff66785475a4ad586bb0efde16c7","revision":2,"arms":[{"name":"champion","weight":1.0,"model":"lateness","version":2,"version_id":"01a1ff6676c9732aa9195094c6bc0917","package_id":"01a1ff6676c972a0891df701957bbc11","view":"lateness","view_version":1,"view_id":"01a1ff6674297a52801e5b3a11a2d7aa","features":["wind","distance"],"groups":["weather"]}],"cause":"promote","reason":"","origin":"human","actor":"user:sample","held":false,"changed_us":1357365600000000,"used":{},"rollout_id":"01a1ff66784470879bfa9e28fc323778"}',1357365600000000);
CREATE INDEX ix_assets_digest ON assets (digest);
CREATE INDEX ix_assets_execution_id ON assets (execution_id);
CREATE INDEX ix_assets_project_id_kind_name_created_us ON assets (project_id, kind, name, created_us);
CREATE INDEX ix_events_project_id_kind_seq ON events (project_id, kind, seq);
CREATE INDEX ix_events_project_id_seq ON events (project_id, seq);
CREATE INDEX ix_events_subject ON events (subject);
CREATE INDEX ix_evidence_subject_id_kind_created_us ON evidence (subject_id, kind, created_us);
CREATE INDEX ix_executions_parent_id ON executions (parent_id);
CREATE INDEX ix_executions_project_id_kind_started_us ON executions (project_id, kind, started_us);
CREATE INDEX ix_executions_project_id_state ON executions (project_id, state);
CREATE INDEX ix_feature_commits_asset_id ON feature_commits (asset_id);
CREATE INDEX ix_findings_project_id_monitor_start_us ON findings (project_id, monitor, start_us);
CREATE INDEX ix_links_asset_id_direction_execution_id ON links (asset_id, direction, execution_id);
CREATE INDEX ix_metric_points_run_id_key_step ON metric_points (run_id, "key", step);
CREATE INDEX ix_model_alias_moves_project_id_name_alias_moved_us ON model_alias_moves (project_id, name, alias, moved_us);
CREATE INDEX ix_model_packages_project_id_digest ON model_packages (project_id, digest);
CREATE INDEX ix_model_versions_package_id ON model_versions (package_id);
CREATE INDEX ix_model_versions_run_id ON model_versions (run_id);
CREATE INDEX ix_pipeline_cache_project_id_key_created_us ON pipeline_cache (project_id, "key", created_us);
CREATE INDEX ix_pipeline_cache_project_id_step_created_us ON pipeline_cache (project_id, step, created_us);
CREATE INDEX ix_pipeline_requests_project_id_state_event_seq ON pipeline_requests (project_id, state, event_seq);
CREATE INDEX ix_pipeline_runs_project_id_pipeline_created_us ON pipeline_runs (project_id, pipeline, created_us);
CREATE INDEX ix_pipeline_runs_request_id ON pipeline_runs (request_id);
CREATE INDEX ix_pipeline_steps_execution_id ON pipeline_steps (execution_id);
CREATE INDEX ix_policies_project_id_environment_created_us ON policies (project_id, environment, created_us);
CREATE INDEX ix_rollouts_project_id_deployment ON rollouts (project_id, deployment);
CREATE INDEX ix_runs_asset_id ON runs (asset_id);
CREATE INDEX ix_runs_project_id_created_us ON runs (project_id, created_us);
COMMIT;
